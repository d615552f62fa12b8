/**
 * The cluster of the demo: an `EmbeddedCluster`, whose writes become events.
 *
 * The events come from the store of the server, not from a candidate. The verdict relies on that.
 */

import { type ApiObject, EmbeddedCluster, type EmbeddedPod, type ObservedWrite } from '../src/testing/index.ts';
import type { EventLog } from './event-log.ts';

/** The name of the application: the label of its Pods, and so the name of its Lease. */
export const APPLICATION = 'batch';

const NAMESPACE = 'demo';
const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${APPLICATION}`;

/** A cluster in this process, with the Pods of the demo. */
export class DemoCluster {
  readonly #cluster: EmbeddedCluster;

  private constructor(cluster: EmbeddedCluster) {
    this.#cluster = cluster;
  }

  /** Starts it. From then on each write to a Lease and each end of a Pod is an event of the log. */
  static async start(log: EventLog): Promise<DemoCluster> {
    const cluster = await EmbeddedCluster.start();
    cluster.server.onWrite((write) => addWrite(log, write));
    return new DemoCluster(cluster);
  }

  get url(): string {
    return this.#cluster.url;
  }

  /** How many requests the candidates have made, watches included. */
  get requestCount(): number {
    return this.#cluster.requests.count();
  }

  createPod(name: string): EmbeddedPod {
    return this.#cluster.createPod({ name, namespace: NAMESPACE, labels: { 'app.kubernetes.io/name': APPLICATION } });
  }

  /** Deletes the Lease as an administrator does with kubectl. */
  async deleteLease(): Promise<void> {
    const { server } = this.#cluster;
    const headers = { authorization: `Bearer ${server.adminToken}` };
    const { status } = await server.handle({ method: 'DELETE', path: LEASE_PATH, headers });
    if (status !== 200) throw new Error(`DELETE ${LEASE_PATH}: the server answered ${status}.`);
  }

  /** Ends the server and removes its files. */
  stop(): Promise<void> {
    return this.#cluster.stop();
  }
}

function addWrite(log: EventLog, { type, resource, object, resourceVersion }: ObservedWrite): void {
  const { name, uid } = object.metadata;
  const revision = BigInt(resourceVersion);
  if (resource === 'leases' && type === 'DELETED') log.add({ type: 'leaseGone', leaseUid: uid, revision });
  else if (resource === 'leases') addLease(log, object, revision);
  else if (resource === 'pods' && type === 'DELETED') log.add({ type: 'podGone', pod: { name, uid }, revision });
}

function addLease(log: EventLog, { metadata, spec }: ApiObject, revision: bigint): void {
  const ownerUid = metadata.ownerReferences?.find(({ kind }) => kind === 'Pod')?.uid ?? null;
  const released = ownerUid !== null && metadata.annotations?.['lease-elector/released'] === ownerUid;
  const holder = (spec?.['holderIdentity'] as string | undefined) ?? null;
  log.add({ type: 'leaseWritten', leaseUid: metadata.uid, ownerUid, holder, released, revision });
}

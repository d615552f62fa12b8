/**
 * The cluster of the demo: an `EmbeddedCluster`, whose writes become events.
 *
 * The events come from the store of the server, not from a candidate. The verdict relies on that.
 */

import { EmbeddedCluster, type EmbeddedPod, type ObservedWrite } from '../src/testing/index.ts';
import type { EventContent } from './demo-event.ts';

/** The name of the application: the label of its Pods, and so the name of its Lease. */
const APPLICATION = 'batch';

const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/default/leases/${APPLICATION}`;

/** Starts a cluster that reports each write to a Lease and each end of a Pod. */
export async function startCluster(report: (content: EventContent) => void): Promise<EmbeddedCluster> {
  const cluster = await EmbeddedCluster.start();
  cluster.server.onWrite((write) => {
    const content = contentOf(write);
    if (content !== null) report(content);
  });
  return cluster;
}

/** Creates a Pod of the application. */
export function createPod(cluster: EmbeddedCluster, letter: string): EmbeddedPod {
  return cluster.createPod({ name: `${APPLICATION}-${letter}`, labels: { 'app.kubernetes.io/name': APPLICATION } });
}

/** Deletes the Lease as an administrator does with kubectl. */
export async function deleteLease({ server }: EmbeddedCluster): Promise<void> {
  const headers = { authorization: `Bearer ${server.adminToken}` };
  const { status } = await server.handle({ method: 'DELETE', path: LEASE_PATH, headers });
  if (status !== 200) throw new Error(`DELETE ${LEASE_PATH}: the server answered ${status}.`);
}

function contentOf({ type, resource, object, resourceVersion }: ObservedWrite): EventContent | null {
  const { name, uid, ownerReferences, annotations, deletionGracePeriodSeconds = 0 } = object.metadata;
  const revision = BigInt(resourceVersion);
  if (resource === 'pods') {
    if (type === 'DELETED') return { type: 'podGone', pod: { name, uid }, revision };
    // A deletion by force marks the object with a grace period of 0.
    return deletionGracePeriodSeconds === 0 ? null : { type: 'podTerminating', pod: { name, uid } };
  }
  if (resource !== 'leases') return null;
  if (type === 'DELETED') return { type: 'leaseGone', leaseUid: uid, revision };
  const ownerUid = ownerReferences?.find(({ kind }) => kind === 'Pod')?.uid ?? null;
  const released = ownerUid !== null && annotations?.['lease-elector/released'] === ownerUid;
  const holder = (object.spec?.['holderIdentity'] as string | undefined) ?? null;
  return { type: 'leaseWritten', leaseUid: uid, ownerUid, holder, released, revision };
}

/**
 * The cluster of the demo: an `EmbeddedCluster`, whose writes become events.
 *
 * The events come from the store of the server, not from a candidate. The verdict relies on that.
 */

import { EmbeddedCluster, type EmbeddedPod } from '../src/testing/index.ts';
import { WrittenEvents } from '../src/testing/kit/written-events.ts';
import type { EventContent } from './demo-event.ts';

/** The name of the application: the label of its Pods, and so the name of its Lease. */
const APPLICATION = 'batch';

const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/default/leases/${APPLICATION}`;

/** Starts a cluster that reports each write to a Pod or a Lease. */
export async function startCluster(report: (content: EventContent) => void): Promise<EmbeddedCluster> {
  const cluster = await EmbeddedCluster.start();
  const written = new WrittenEvents();
  cluster.server.onWrite((write) => {
    const content = written.of(write);
    if (content === null) return;
    // The timeline does not name the Lease, since there is only one.
    const event = { ...content, lease: undefined, revision: BigInt(write.resourceVersion) };
    report(event);
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

/**
 * Implements the faults that `parameters.ts` lists.
 */

import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import type { Cluster } from './cluster.ts';
import type { Malfunction } from './network.ts';
import type { Fault } from './parameters.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import { changingWebhook, refusingWebhook } from './webhook.ts';

/** Injects one fault. */
export function injectFault(cluster: Cluster, fault: Fault): void {
  FAULT_RULES[fault](cluster);
}

/** The holderIdentity of a Lease that was given away by hand. It is not a Pod. */
const STRANGER = 'a-stranger';

/** The answers of an API server that malfunctions. */
const MALFUNCTIONS: readonly Malfunction[] = [500, 503, 504, 401, 403, 'hangs'];

/** Picks a Pod. The holder is picked more often than any other. */
function pickPod(cluster: Cluster): SimulatedPod | undefined {
  const holder = cluster.lease()?.metadata.ownerReferences?.[0]?.uid;
  const pods = cluster.livePods;
  const holding = pods.find((pod) => pod.uid === holder);
  return holding !== undefined && cluster.random.next() < 0.5 ? holding : pick(cluster, pods);
}

function pick<Item>(cluster: Cluster, items: readonly Item[]): Item | undefined {
  return items[Math.floor(cluster.random.next() * items.length)];
}

function deleteByForce(cluster: Cluster, pod: SimulatedPod): void {
  // Some processes continue to run on an unreachable node.
  pod.nodeLost ||= cluster.random.next() < 0.5;
  if (pod.nodeLost && cluster.random.next() < 0.7) for (const process of pod.processes) process.isolated = true;
  cluster.forceDeletePod(pod);
  // A kubelet that does not receive the deletion restarts a crashed container: the new process has no Pod.
  pod.kubeletUninformed = cluster.random.next() < 0.3;
  const process = pick(cluster, pod.processes);
  if (!pod.kubeletUninformed || process === undefined) return;
  cluster.time.setTimer(cluster.random.next() * 3_000, () => {
    if (process.alive) cluster.crash(process);
  });
}

const FAULT_RULES: Readonly<Record<Fault, (cluster: Cluster) => void>> = {
  'container crashes': (cluster) => {
    const process = pick(cluster, pickPod(cluster)?.processes.filter(({ alive }) => alive) ?? []);
    if (process !== undefined) cluster.crash(process);
  },
  'process pauses': (cluster) => {
    const process = pick(cluster, pickPod(cluster)?.processes.filter(({ alive }) => alive) ?? []);
    if (process === undefined || process.paused) return;
    const forMs = cluster.random.next() ** 3 * 120_000;
    cluster.log(() => `${process.name} hangs for ${Math.round(forMs)} ms`);
    process.pause();
    cluster.time.setTimer(forMs, () => process.resume());
  },
  'processes cut off': (cluster) => {
    const share = cluster.random.next();
    const forMs = cluster.random.next() ** 2 * 120_000;
    for (const process of cluster.processes) {
      if (cluster.random.next() >= share) continue;
      cluster.log(() => `${process.name} is cut off for ${Math.round(forMs)} ms`);
      process.isolated = true;
      cluster.time.setTimer(forMs, () => {
        process.isolated = false;
      });
    }
  },
  'clock changes': (cluster) => {
    const process = pick(cluster, cluster.processes);
    if (process === undefined) return;
    const rate = 0.5 + cluster.random.next() * 1.5;
    const jumpMs = cluster.random.next() < 0.5 ? 0 : cluster.random.next() * 100_000;
    cluster.note(() => `the clock of ${process.name} jumps ${Math.round(jumpMs)} ms, and runs at ${rate.toFixed(2)}`);
    process.clock.change(rate, jumpMs);
    process.clock.setWallOffset((cluster.random.next() - 0.5) * 86_400_000);
  },
  'API server down': (cluster) => {
    if (!cluster.network.down) cluster.stopServer(cluster.random.next() * 60_000);
  },
  'API server restarted': (cluster) => {
    if (cluster.network.down) return;
    cluster.server.compactHistory();
    cluster.stopServer(200 + cluster.random.next() * 2_000);
  },
  'history compacted': (cluster) => {
    cluster.note(() => 'the history of writes is compacted');
    cluster.server.compactHistory();
  },
  'watches cut': (cluster) => {
    const process = pick(cluster, cluster.processes);
    cluster.note(() => `the watches of ${process?.name ?? 'all'} are cut`);
    cluster.network.cutStreams((endpoint) => process === undefined || endpoint === process);
  },
  'watches silenced': (cluster) => {
    const process = pick(cluster, cluster.processes);
    cluster.note(() => `the watches of ${process?.name ?? 'all'} fall silent`);
    cluster.network.silenceStreams((endpoint) => endpoint === process);
  },
  'lists fall behind': (cluster) => cluster.freezeLists(),
  'Pod deleted': (cluster) => {
    const pod = pickPod(cluster);
    if (pod !== undefined) cluster.deletePod(pod);
  },
  'Pod deleted by force': (cluster) => {
    const picked = pickPod(cluster);
    // Sometimes all Pods are deleted, so that no candidate takes over from a ghost at once.
    const pods = cluster.random.next() < 0.1 ? cluster.livePods : [picked];
    for (const pod of pods) if (pod !== undefined) deleteByForce(cluster, pod);
  },
  'Pod evicted': (cluster) => {
    const pod = pickPod(cluster);
    if (pod !== undefined) cluster.deletePod(pod, 1 + Math.floor(cluster.random.next() * 10));
  },
  'Pod reported as failed': (cluster) => {
    const pod = pickPod(cluster);
    if (pod !== undefined) cluster.reportFailed(pod);
  },
  'Pod finished': (cluster) => {
    const pod = pickPod(cluster);
    if (pod !== undefined) cluster.finishPod(pod, cluster.random.next() < 0.5 ? 'Failed' : 'Succeeded');
  },
  'node lost': (cluster) => {
    const pod = pickPod(cluster);
    if (pod === undefined || pod.nodeLost) return;
    cluster.note(() => `the node of Pod ${pod.name} is lost`);
    pod.nodeLost = true;
    const alive = cluster.random.next() < 0.5;
    for (const process of pod.processes) {
      if (alive) process.isolated = true;
      else process.kill();
    }
    cluster.deletePod(pod);
  },
  'rolling update': (cluster) => {
    let afterMs = 0;
    for (const pod of cluster.livePods) {
      cluster.time.setTimer(afterMs, () => {
        if (!cluster.calm) cluster.deletePod(pod);
      });
      afterMs += 2_000 + cluster.random.next() * 20_000;
    }
  },
  'Lease deleted by hand': (cluster) => cluster.deleteLease(),
  'Lease edited by hand': (cluster) => {
    // A time-based elector cannot use a Lease that its Pod owns.
    const pod = pick(
      cluster,
      cluster.livePods.filter(({ program }) => program !== 'expiring elector'),
    );
    const edits: readonly (readonly [what: string, patch: unknown])[] = [
      ['holderIdentity emptied', { spec: { holderIdentity: null } }],
      ['renewTime of long ago', { spec: { renewTime: longAgo(cluster) } }],
      ['no leaseDurationSeconds', { spec: { leaseDurationSeconds: null } }],
      ['a release annotation of an unknown Pod', { metadata: { annotations: { 'lease-elector/released': 'nobody' } } }],
      ['a label', { metadata: { labels: { editedByHand: String(cluster.time.nowMs()) } } }],
      ...(pod === undefined
        ? []
        : [
            [
              `given to ${pod.name}`,
              {
                metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid }] },
                spec: { holderIdentity: pod.name },
              },
            ] as const,
          ]),
    ];
    const edit = pick(cluster, edits);
    if (edit !== undefined) cluster.patchLease(...edit);
  },
  'Lease orphaned by hand': (cluster) =>
    cluster.patchLease('ownerReferences removed', { metadata: { ownerReferences: null } }),
  'permissions withdrawn': (cluster) => {
    const keep = (verbs: readonly string[]): string[] => verbs.filter(() => cluster.random.next() < 0.7);
    const permissions = { leases: keep(ALL_PERMISSIONS.leases), pods: keep(ALL_PERMISSIONS.pods) };
    cluster.note(
      () => `the permissions are now: leases ${permissions.leases.join(' ')}; pods ${permissions.pods.join(' ')}`,
    );
    cluster.grant(permissions);
    cluster.time.setTimer(cluster.random.next() * 60_000, () => {
      if (cluster.calm) return;
      cluster.note(() => 'the permissions are restored');
      cluster.grant(cluster.parameters.permissions);
    });
  },
  'elector stopped': (cluster) => {
    const process = pick(cluster, cluster.electors);
    if (process === undefined || process.stopping) return;
    cluster.note(() => `${process.name} calls stop()`);
    process.run(() => process.stop());
  },
  'leader steps down': (cluster) => {
    const process = cluster.electors.find(({ leads }) => leads);
    if (process === undefined) return;
    cluster.note(() => `${process.name} calls stepDown()`);
    process.run(() => process.stepDown());
  },
  'API server malfunctions': (cluster) => {
    const malfunction = pick(cluster, MALFUNCTIONS);
    if (malfunction === undefined || cluster.network.malfunction !== null) return;
    cluster.note(() => `one of two API servers malfunctions: ${malfunction}`);
    cluster.network.startMalfunction(malfunction);
    cluster.time.setTimer(cluster.random.next() ** 2 * 120_000, () => {
      cluster.note(() => 'both API servers work again');
      cluster.network.malfunction = null;
    });
  },
  'connections slow': (cluster) => {
    const process = pick(cluster, pickPod(cluster)?.processes.filter(({ alive }) => alive) ?? []);
    if (process === undefined || process.slownessMs > 0) return;
    // In both directions together, this is 2.5 to 10 s. The time-out of a request is 5 or 10 s.
    const slownessMs = 1_250 + cluster.random.next() * 3_750;
    cluster.note(() => `messages of ${process.name} take ${Math.round(slownessMs)} ms`);
    process.slownessMs = slownessMs;
    cluster.time.setTimer(cluster.random.next() * 120_000, () => {
      process.slownessMs = 0;
    });
  },
  'binds refused': (cluster) => {
    const pod = pickPod(cluster);
    const process = pick(cluster, pod?.processes.filter(({ alive }) => alive) ?? []);
    if (pod === undefined || process === undefined || pod.program !== 'elector') return;
    const forMs = cluster.random.next() * 60_000;
    cluster.note(() => `no process of ${pod.name} can bind its socket for ${Math.round(forMs)} ms`);
    cluster.siblingLocks.refuse(pod);
    cluster.crash(process);
    cluster.time.setTimer(forMs, () => cluster.siblingLocks.permit(pod));
  },
  'webhook refuses': (cluster) => {
    const verbs = ['create', 'update', 'delete'].filter(() => cluster.random.next() < 0.5);
    if (verbs.length > 0) cluster.setWebhook(`refuses to ${verbs.join(', ')}`, refusingWebhook(verbs));
  },
  'webhook changes': (cluster) => {
    const change = cluster.random.next() < 0.5 ? 'removes the owner' : 'removes the release';
    cluster.setWebhook(change, changingWebhook(change));
  },
  'Lease with a finalizer': (cluster) => {
    cluster.patchLease('a finalizer', { metadata: { finalizers: ['example.com/hold'] } });
    cluster.time.setTimer(cluster.random.next() * 60_000, () => cluster.freeLease());
  },
  'Lease given to a stranger': (cluster) => {
    // The program of this name neither renews nor sets a duration, so that only a deletion ends its hold.
    const spec = { holderIdentity: STRANGER, leaseDurationSeconds: null, renewTime: null };
    cluster.patchLease(`given to ${STRANGER}`, { metadata: { ownerReferences: null }, spec });
    cluster.time.setTimer(cluster.random.next() * 90_000, () => {
      if (cluster.lease()?.spec?.['holderIdentity'] === STRANGER) cluster.deleteLease();
    });
  },
  'successor forged': (cluster) => {
    const uidOf = (pods: readonly SimulatedPod[]): string | undefined => pick(cluster, pods)?.uid;
    const { pods, livePods } = cluster;
    const holder = cluster.lease()?.metadata.ownerReferences?.[0]?.uid;
    const forgeries: readonly (readonly [name: string, uid: string | undefined])[] = [
      ['a Pod that never existed', `0000${Math.floor(cluster.random.next() * 10_000)}-4000-8000-000000000000`],
      ['a Pod that is gone', uidOf(pods.filter(({ gone }) => gone))],
      ['a Pod of another program', uidOf(livePods.filter(({ program }) => program !== 'elector'))],
      ['any Pod', uidOf(livePods)],
      ['its holder', holder],
    ];
    const [name, uid] =
      pick(
        cluster,
        forgeries.filter(([, forged]) => forged !== undefined),
      ) ?? [];
    const value = `${uid} ${cluster.random.next() < 0.5 ? '50+' : '3'}`;
    cluster.patchLease(`${name} is named as the successor`, {
      metadata: { annotations: { 'lease-elector/successor': value } },
    });
  },
  'process mirrored': (cluster) => {
    const pod = pickPod(cluster);
    if (pod === undefined || pod.program !== 'elector' || pod.nodeLost || pod.finished) return;
    cluster.mirror(pod, cluster.random.next() * 120_000);
  },
};

/**
 * A moment of the year 2020, different at each time. A time-based elector measures from the last change of the spec. If
 * two edits wrote the same spec, it would not notice a renewal between them. The elector of client-go would not either.
 */
function longAgo({ time }: Cluster): string {
  const moment = new Date(Date.parse('2020-01-01T00:00:00Z') + Math.floor(time.nowMs()));
  return moment.toISOString().replace('Z', '000Z');
}

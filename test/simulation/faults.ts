/**
 * The faults of a cluster, each by its name, as `parameters.ts` lists them.
 */

import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import type { Cluster } from './cluster.ts';
import type { Sickness } from './network.ts';
import type { Fault } from './parameters.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import { changingWebhook, refusingWebhook } from './webhook.ts';

/** Injects one fault. */
export function letHappen(cluster: Cluster, fault: Fault): void {
  FAULT_RULES[fault](cluster);
}

/** The holder of a Lease that was given away by hand; not a Pod. */
const STRANGER = 'a-stranger';

/** The behavior of a sick API server for each request. */
const SICKNESSES: readonly Sickness[] = [500, 503, 504, 401, 403, 'hangs'];

/** The holder is hit more often than at random. */
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
  // Some run on, cut off, on a node that nobody reaches.
  pod.nodeLost ||= cluster.random.next() < 0.5;
  if (pod.nodeLost && cluster.random.next() < 0.7) for (const process of pod.processes) process.isolated = true;
  cluster.forceDeletePod(pod);
  // Its kubelet does not hear of it, and restarts what crashes: a process begins whose Pod is gone.
  pod.kubeletUnaware = cluster.random.next() < 0.3;
  const process = pick(cluster, pod.processes);
  if (!pod.kubeletUnaware || process === undefined) return;
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
    // Now and then all of them: nobody is left who takes over from a ghost at once.
    const pods = cluster.random.next() < 0.1 ? cluster.livePods : [picked];
    for (const pod of pods) if (pod !== undefined) deleteByForce(cluster, pod);
  },
  'Pod evicted': (cluster) => {
    const pod = pickPod(cluster);
    if (pod !== undefined) cluster.deletePod(pod, 1 + Math.floor(cluster.random.next() * 10));
  },
  'Pod called failed': (cluster) => {
    const pod = pickPod(cluster);
    if (pod !== undefined) cluster.callFailed(pod);
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
    // An elector of another kind has no use for a Lease that its Pod owns.
    const pod = pick(
      cluster,
      cluster.livePods.filter(({ program }) => program !== 'expiring elector'),
    );
    const edits: readonly (readonly [what: string, patch: unknown])[] = [
      ['holderIdentity emptied', { spec: { holderIdentity: null } }],
      ['renewTime of long ago', { spec: { renewTime: '2020-01-01T00:00:00.000000Z' } }],
      ['no leaseDurationSeconds', { spec: { leaseDurationSeconds: null } }],
      ['an annotation that releases nobody', { metadata: { annotations: { 'lease-elector/released': 'nobody' } } }],
      ['a label', { metadata: { labels: { touched: String(cluster.time.nowMs()) } } }],
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
    cluster.note(() => `granted are now: leases ${permissions.leases.join(' ')}; pods ${permissions.pods.join(' ')}`);
    cluster.grant(permissions);
    cluster.time.setTimer(cluster.random.next() * 60_000, () => {
      if (cluster.calm) return;
      cluster.note(() => 'the permissions are what they were');
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
  'API server sick': (cluster) => {
    const sickness = pick(cluster, SICKNESSES);
    if (sickness === undefined || cluster.network.sickness !== null) return;
    cluster.note(() => `one of two API servers is sick: ${sickness}`);
    cluster.network.fallSick(sickness);
    cluster.time.setTimer(cluster.random.next() ** 2 * 120_000, () => {
      cluster.note(() => 'both API servers are well');
      cluster.network.sickness = null;
    });
  },
  'connections slow': (cluster) => {
    const process = pick(cluster, pickPod(cluster)?.processes.filter(({ alive }) => alive) ?? []);
    if (process === undefined || process.slownessMs > 0) return;
    // There and back it is more than half of the time-out, of 5 or of 10 s.
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
    const change = cluster.random.next() < 0.5 ? 'takes the owner off' : 'takes the release off';
    cluster.setWebhook(change, changingWebhook(change));
  },
  'Lease with a finalizer': (cluster) => {
    cluster.patchLease('a finalizer', { metadata: { finalizers: ['example.com/hold'] } });
    cluster.time.setTimer(cluster.random.next() * 60_000, () => cluster.freeLease());
  },
  'Lease given to a stranger': (cluster) => {
    // A program that neither renews nor says for how long it holds the Lease, until somebody deletes it.
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
    const forgeries: readonly (readonly [whom: string, uid: string | undefined])[] = [
      ['nobody', `0000${Math.floor(cluster.random.next() * 10_000)}-4000-8000-000000000000`],
      ['a Pod that is gone', uidOf(pods.filter(({ gone }) => gone))],
      ['a Pod of another program', uidOf(livePods.filter(({ program }) => program !== 'elector'))],
      ['any Pod', uidOf(livePods)],
      ['its holder', holder],
    ];
    const [whom, uid] =
      pick(
        cluster,
        forgeries.filter(([, forged]) => forged !== undefined),
      ) ?? [];
    const value = `${uid} ${cluster.random.next() < 0.5 ? '50+' : '3'}`;
    cluster.patchLease(`${whom} is named as the successor`, {
      metadata: { annotations: { 'lease-elector/successor': value } },
    });
  },
  'process mirrored': (cluster) => {
    const pod = pickPod(cluster);
    if (pod === undefined || pod.program !== 'elector' || pod.nodeLost || pod.finished) return;
    cluster.mirror(pod, cluster.random.next() * 120_000);
  },
};

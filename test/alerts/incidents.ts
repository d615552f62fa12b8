/**
 * Incidents in a simulated cluster, each with the alerts that it must fire. An alert that is not listed must not fire.
 */

import { once } from 'node:events';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { Recording } from './recording.ts';

/** One incident in a cluster. */
export interface Incident {
  readonly name: string;
  readonly fires: readonly string[];
  readonly happens: () => Promise<Recording>;
}

const without = (verb: string): typeof ALL_PERMISSIONS => ({
  ...ALL_PERMISSIONS,
  leases: ALL_PERMISSIONS.leases.filter((one) => one !== verb),
});

export const INCIDENTS: readonly Incident[] = [
  {
    name: 'nothing happens for an hour',
    fires: [],
    async happens() {
      const recording = await Recording.started();
      await recording.run(3_600);
      return recording;
    },
  },
  {
    name: 'a rolling update replaces every Pod, three times',
    fires: [],
    async happens() {
      const recording = await Recording.started();
      for (let update = 0; update < 3; update += 1) {
        for (const pod of recording.cluster.livePods) {
          recording.addPod();
          await recording.run(30);
          recording.cluster.deletePod(pod);
          await recording.run(30);
        }
        await recording.run(600);
      }
      return recording;
    },
  },
  {
    name: 'the container of the leader crashes once',
    fires: [],
    async happens() {
      const recording = await Recording.started();
      const [process] = recording.holder.processes;
      if (process !== undefined) recording.cluster.crash(process);
      await recording.run(1_800);
      return recording;
    },
  },
  {
    name: 'the API server is away for a minute',
    fires: [],
    async happens() {
      const recording = await Recording.started();
      recording.stopServer(60);
      await recording.run(1_800);
      return recording;
    },
  },
  {
    name: "the leader's process is stopped",
    fires: ['LeaseElectorLeaderHangs', 'LeaseNotRenewed'],
    async happens() {
      const recording = await Recording.started();
      for (const process of recording.holder.processes) process.pause();
      await recording.run(600);
      return recording;
    },
  },
  {
    name: "the leader's Pod is evicted",
    fires: ['LeaseElectorBlockedByDeadPod', 'LeaseHeldByDeadPod', 'LeaseNotRenewed'],
    async happens() {
      const recording = await Recording.started();
      recording.cluster.finishPod(recording.holder, 'Failed');
      await recording.run(600);
      return recording;
    },
  },
  {
    name: "the leader's node is lost",
    fires: ['LeaseElectorBlockedByDeadPod', 'LeaseHeldByDeadPod', 'LeaseNotRenewed'],
    async happens() {
      const recording = await Recording.started();
      recording.loseNode();
      await recording.run(600);
      return recording;
    },
  },
  {
    name: 'the Pod of a lost node is deleted, and its end is never confirmed',
    fires: ['LeaseElectorBlocked', 'LeaseHeldByDeadPod', 'LeaseNotRenewed'],
    async happens() {
      const recording = await Recording.started();
      const { holder } = recording;
      recording.loseNode();
      recording.cluster.deletePod(holder);
      await recording.run(1_200);
      return recording;
    },
  },
  {
    name: 'the work of the leader fails',
    fires: ['LeaseElectorWorkFailed'],
    async happens() {
      const recording = await Recording.started(({ elector }) => {
        elector.on('error', () => undefined);
        return { onElected: () => Promise.reject(new Error('no')) };
      });
      await recording.run(1_200);
      return recording;
    },
  },
  {
    name: 'the work of the leader makes no progress',
    fires: ['LeaseElectorNoProgress'],
    async happens() {
      const onElected = async ({ signal }: { signal: AbortSignal }): Promise<void> =>
        void (await once(signal, 'abort'));
      const recording = await Recording.started(() => ({ progressTimeoutMs: 60_000, onElected }));
      await recording.run(600);
      return recording;
    },
  },
  {
    name: 'the container of the leader crashes every minute',
    fires: ['LeaseHolderRestarts'],
    async happens() {
      const recording = await Recording.started();
      for (let minute = 0; minute < 10; minute += 1) {
        const process = recording.holder.processes.at(-1);
        if (process !== undefined) recording.cluster.crash(process);
        await recording.run(60);
      }
      return recording;
    },
  },
  {
    name: 'no elector is permitted to create the Lease',
    fires: ['LeaseElectorMissingPermission', 'LeaseElectorNoLeader', 'LeaseWithoutLeader'],
    async happens() {
      const recording = await Recording.started();
      recording.cluster.grant(without('create'));
      recording.cluster.deletePod(recording.holder);
      await recording.run(900);
      return recording;
    },
  },
  {
    name: 'the leader is not permitted to renew',
    fires: ['LeaseElectorLeaderHangs', 'LeaseElectorMissingPermission', 'LeaseNeverRenewed', 'LeaseNotRenewed'],
    async happens() {
      const recording = await Recording.started();
      recording.cluster.grant(without('update'));
      await recording.run(1_200);
      return recording;
    },
  },
  {
    name: 'a proxy breaks each watch after some seconds',
    fires: ['LeaseElectorWatchFlapping'],
    async happens() {
      const recording = await Recording.started();
      await recording.run(1_800, () => recording.cluster.network.cutStreams(() => true));
      return recording;
    },
  },
  {
    name: 'the API server is away for ten minutes',
    fires: ['LeaseElectorApiUnreachable', 'LeasesOfClusterNotRenewed'],
    async happens() {
      const recording = await Recording.started();
      recording.stopServer(600);
      await recording.run(1_200);
      return recording;
    },
  },
  {
    name: 'a process of the leader runs twice, restored from a checkpoint',
    fires: ['LeaseElectorTwoLeaders'],
    async happens() {
      const recording = await Recording.started();
      recording.cluster.mirror(recording.holder, 600_000);
      await recording.run(600);
      return recording;
    },
  },
  {
    name: 'a tool adds a second owner to the Lease',
    fires: ['LeaseWithTwoOwners'],
    async happens() {
      const recording = await Recording.started();
      await recording.run(600, () => recording.addOwner());
      return recording;
    },
  },
  {
    name: 'the leader is deleted every two minutes',
    fires: ['LeaseChangesHands'],
    async happens() {
      const recording = await Recording.started();
      for (let round = 0; round < 13; round += 1) {
        recording.addPod();
        recording.cluster.deletePod(recording.holder);
        await recording.run(120);
      }
      return recording;
    },
  },
];

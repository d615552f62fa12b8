/**
 * A runtime whose connections and cluster a test scripts, on a clock that the test moves.
 */

import type { SiblingLockPort } from '../../src/driver/ports.ts';
import type { Runtime } from '../../src/joining/join-election.ts';
import { localPorts } from '../../src/joining/local-election.ts';
import type { Cluster } from '../../src/kube/connect.ts';
import type { Identity } from '../../src/kube/identity.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

export const IDENTITY: Identity = { pod: { name: 'web-0', uid: 'pod-uid' }, namespace: 'shop', lease: 'web' };

export interface ScriptedRuntime {
  readonly runtime: Runtime;
  readonly clock: ManualClock;
  readonly cluster: Cluster;
  /** The sibling lock of the runtime. It is not that of the cluster's ports. */
  readonly siblingLock: SiblingLockPort;
}

/**
 * @param methods of the cluster; by default it returns `IDENTITY`
 * @param connecting runs at each connection, which fails if it throws
 */
export function scriptedRuntime(
  methods: Partial<Cluster>,
  connecting: (options: Parameters<Runtime['connect']>[0]) => void,
): ScriptedRuntime {
  const clock = new ManualClock();
  const ports = localPorts(IDENTITY.pod, 'leader', clock);
  const siblingLock: SiblingLockPort = { claim: () => undefined, free: () => undefined };
  const cluster: Cluster = {
    identify: async () => ({ ok: true, value: IDENTITY }),
    ports: () => ports,
    close: () => undefined,
    ...methods,
  };
  const runtime: Runtime = {
    clock,
    random: { next: () => 0.5 },
    connect: async (options) => {
      connecting(options);
      return cluster;
    },
    siblingLock: () => siblingLock,
  };
  return { runtime, clock, cluster, siblingLock };
}

/**
 * What joining an election needs and returns: the options of the connection, the ports, and an election without a
 * cluster.
 */

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import type { Answer } from '../../src/driver/ports.ts';
import { LeaseElectorError } from '../../src/errors.ts';
import { type Entrance, type JoinedElection, joinElection, type Runtime } from '../../src/joining/join-election.ts';
import type { Cluster } from '../../src/kube/connect.ts';
import type { Identity } from '../../src/kube/identity.ts';
import { type LeaseElectorOptions, resolveOptions } from '../../src/options.ts';
import { failure } from '../core/story.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { IDENTITY, scriptedRuntime } from './scripted-runtime.ts';

/** An error of the connection, and a failure of the request for the identity, each once. */
interface Trouble {
  readonly ofConnection?: Error;
  readonly ofIdentity?: 'unavailable';
  /** Runs while the connection is made. */
  readonly duringConnection?: (controller: AbortController) => void;
}

interface Joining {
  readonly joined: Promise<JoinedElection>;
  readonly clock: ManualClock;
  readonly controller: AbortController;
  /** The options of each connection. */
  readonly connections: readonly Parameters<Runtime['connect']>[0][];
  readonly siblingLock: ReturnType<Runtime['siblingLock']>;
  readonly cluster: Cluster;
}

function join(
  options: LeaseElectorOptions = {},
  { ofConnection, ofIdentity, duringConnection }: Trouble = {},
  onRequest?: NonNullable<Entrance['onRequest']>,
): Joining {
  const controller = new AbortController();
  const connections: Parameters<Runtime['connect']>[0][] = [];
  let identityFails = ofIdentity !== undefined;
  const { runtime, clock, cluster, siblingLock } = scriptedRuntime(
    {
      identify: async (): Promise<Answer<Identity>> => {
        if (!identityFails) return { ok: true, value: IDENTITY };
        identityFails = false;
        return { ok: false, failure: failure('unavailable') };
      },
    },
    (given) => {
      connections.push(given);
      duringConnection?.(controller);
      if (ofConnection !== undefined && connections.length === 1) throw ofConnection;
    },
  );
  const ignore = (): void => undefined;
  const joined = joinElection(resolveOptions(options), runtime, {
    signal: controller.signal,
    warn: ignore,
    failed: ignore,
    outages: { requestSent: ignore, failed: ignore, withdrawn: ignore },
    ...(onRequest === undefined ? {} : { onRequest }),
  });
  // Each test awaits it. Before that, its rejection is not a defect.
  joined.catch(ignore);
  return { joined, clock, controller, connections, siblingLock, cluster };
}

const noCluster = (): Error => new LeaseElectorError('ERR_LEASE_ELECTOR_NO_CLUSTER', 'this is no Pod');
const shortage = (): Error => Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });

test('the connection receives the options of the elector, and only those that are set', async () => {
  const onRequest = (): void => undefined;
  const { joined, connections } = join({ serviceAccountDirectory: '/token', requestTimeoutMs: 7_000 }, {}, onRequest);
  await joined;
  const { reportClockSkew, ...rest } = connections[0] ?? { requestTimeoutMs: 0 };
  assert.equal(typeof reportClockSkew, 'function');
  assert.deepEqual(rest, { requestTimeoutMs: 7_000, serviceAccountDirectory: '/token', onRequest });
  const bare = join();
  await bare.joined;
  assert.deepEqual(Object.keys(bare.connections[0] ?? {}).toSorted(), ['reportClockSkew', 'requestTimeoutMs']);
});

test('the ports are those of the cluster, with the sibling lock of this Pod', async () => {
  const { joined, siblingLock, cluster } = join();
  const { identity, ports, local } = await joined;
  assert.deepEqual([identity, local], [IDENTITY, null]);
  assert.equal(ports.siblingLock, siblingLock);
  assert.equal(ports.lease, cluster.ports(IDENTITY).lease);
});

test('an elector with the option local joins an election of its own when there is no cluster', async () => {
  const { joined } = join({ local: 'candidate', pod: { name: 'laptop' } }, { ofConnection: noCluster() });
  const { identity, ports, local } = await joined;
  assert.deepEqual([identity.pod.name, local], ['laptop', 'candidate']);
  const answer = await ports.lease.read();
  assert.equal(answer.ok && answer.value?.owner?.name, 'local-leader');
  const own = await ports.pod.read('laptop');
  assert.equal(own.ok && own.value?.uid, identity.pod.uid);
});

test('the missing cluster is an error when the option local is not set', async () => {
  const error = noCluster();
  await assert.rejects(join({}, { ofConnection: error }).joined, error);
});

for (const [name, error] of [
  ['an error of the library', new LeaseElectorError('ERR_LEASE_ELECTOR_CREDENTIALS', 'the token is empty')],
  ['an error of another program', Object.assign(new Error('no'), { code: 'ERR_LEASE_ELECTOR_NO_CLUSTER' })],
] as const) {
  test(`an elector with the option local does not lead alone after ${name}`, async () => {
    await assert.rejects(join({ local: true }, { ofConnection: error }).joined, error);
  });
}

test('stop() during a connection that fails for a shortage ends the start without a back-off', async () => {
  const { joined, clock, connections } = join(
    {},
    { ofConnection: shortage(), duringConnection: (controller) => controller.abort() },
  );
  await assert.rejects(joined, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  assert.deepEqual([clock.timers.size, connections.length], [0, 1]);
});

test('stop() during the back-off after a shortage does not connect again', async () => {
  const { joined, clock, connections, controller } = join({}, { ofConnection: shortage() });
  await until('a back-off', () => clock.timers.size === 1);
  controller.abort();
  await assert.rejects(joined, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
  assert.equal(connections.length, 1);
});

test('joining leaves no listener at the signal of the elector', async () => {
  const { joined, clock, controller } = join({}, { ofConnection: shortage(), ofIdentity: 'unavailable' });
  for (const _ of ['the connection', 'the identity']) {
    await until('a back-off', () => clock.timers.size === 1);
    assert.ok(getEventListeners(controller.signal, 'abort').length > 0);
    clock.advance(60_000);
  }
  await joined;
  assert.deepEqual(getEventListeners(controller.signal, 'abort'), []);
});

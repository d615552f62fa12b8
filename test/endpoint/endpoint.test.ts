/**
 * Checks the option `endpoint` over real sockets: when the endpoint answers, and whom it names. A client compares the
 * name with its hostname, so a process names its own Pod only while a process of that Pod leads.
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { beforeEach, type TestContext, test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import { LEAVING_LIMIT_MS } from '../../src/core/leaving.ts';
import type { LeaseElectorOptions, Warning } from '../../src/index.ts';
import type { Runtime } from '../../src/joining/join-election.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { fasterClock, journalOf, LEASE, runtimeOf, TestCluster, type TestPod } from '../integration/cluster.ts';
import { freePort } from '../worlds/free-port.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { OTHER, OWN_POD, ScriptedElector, SELF, takenBy } from '../worlds/scripted-elector.ts';
import { until } from '../worlds/until.ts';
import { ask, openHandles, sseReader } from './raw-client.ts';

/** Any free port, which the environment variables name. */
const ENDPOINT: LeaseElectorOptions = { endpoint: { port: 0 }, exportEnv: true };

const VARIABLES = ['ELECTOR_PATH', 'ELECTOR_GET_URL', 'ELECTOR_SSE_URL'] as const;

beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

/** Starts an elector, and resolves with the port as soon as its endpoint listens. */
async function listening(elector: LeaseElector): Promise<number> {
  delete process.env['ELECTOR_PATH'];
  elector.start().catch(() => undefined);
  await until('the endpoint listens', () => process.env['ELECTOR_PATH'] !== undefined);
  return Number(process.env['ELECTOR_PATH']?.replace('localhost:', ''));
}

/** The answer that an application receives. */
async function answerOf(
  t: TestContext,
  port: number,
): Promise<{ readonly name?: string; readonly last_update?: string }> {
  const answer = await ask(t, port, 'GET / HTTP/1.1');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
}

/** Fails unless the port is free. */
async function assertFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  await new Promise((resolve) => server.close(resolve));
}

/** A leader and a candidate, each with an endpoint. */
async function two(
  t: TestContext,
  leaderOptions: LeaseElectorOptions = {},
  leaderRuntime: Partial<Runtime> = {},
): Promise<{
  readonly cluster: TestCluster;
  readonly pod: TestPod;
  readonly electors: readonly [LeaseElector, LeaseElector];
  readonly ports: readonly [number, number];
}> {
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0');
  const leader = cluster.elector(pod, { ...ENDPOINT, ...leaderOptions }, leaderRuntime);
  const port = await listening(leader);
  await leader.start();
  const candidate = cluster.elector(cluster.addPod('web-1'), ENDPOINT);
  const otherPort = await listening(candidate);
  await candidate.start();
  return { cluster, pod, electors: [leader, candidate], ports: [port, otherPort] };
}

/** A process with an endpoint, after another process of its Pod has led. */
async function restarted(): Promise<{
  readonly scripted: ScriptedElector;
  readonly port: number;
  readonly lease: LeaseRecord;
}> {
  const before = new ScriptedElector();
  await before.lead();
  assert.ok(before.lease);
  const scripted = new ScriptedElector(ENDPOINT);
  const port = await listening(scripted.elector);
  await promisesSettled();
  return { scripted, port, lease: before.lease };
}

// The time of the first and the last answer

test('the endpoint answers before the first request to the cluster, and {} until a leader is known', async (t) => {
  const cluster = await TestCluster.start(t);
  const { directory, environment } = cluster.addPod('web-0');
  const runtime = runtimeOf(environment);
  const connecting = Promise.withResolvers<void>();
  let connects = 0;
  const elector = new LeaseElector(
    { lease: LEASE, serviceAccountDirectory: directory, ...ENDPOINT },
    {
      ...runtime,
      connect: async (options) => {
        connects += 1;
        assert.notEqual(process.env['ELECTOR_PATH'], undefined, 'the endpoint listens already');
        await connecting.promise;
        return runtime.connect(options);
      },
    },
  );
  t.after(() => elector.stop());
  const port = await listening(elector);
  await until('the elector connects', () => connects === 1);
  assert.deepEqual(await answerOf(t, port), {});
  const reader = await sseReader(t, port);
  assert.match(reader.received, /\r\n\r\n.*data: \{\}\n\n/s);
  connecting.resolve();
  await elector.start();
  assert.equal((await answerOf(t, port)).name, 'web-0');
  await reader.has('data: {"name":"web-0","last_update":"');
});

test('the endpoint answers {} while the work of the term drains, until stop() has resolved', async (t) => {
  const work = Promise.withResolvers<void>();
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { ...ENDPOINT, onElected: () => work.promise });
  const port = await listening(elector);
  await elector.start();
  await promisesSettled();
  const reader = await sseReader(t, port);
  const listeners = openHandles('TCPServerWrap');
  let listenersAtTheEnd = 0;
  elector.on('stopped', () => {
    listenersAtTheEnd = openHandles('TCPServerWrap');
  });
  const stopped = elector.stop();
  assert.deepEqual(await answerOf(t, port), {});
  await reader.has('data: {}\n\n');
  assert.deepEqual(await answerOf(t, port), {});
  work.resolve();
  await stopped;
  assert.equal(listenersAtTheEnd, listeners, 'the endpoint listened until the end');
  await reader.whole();
  await assertFree(port);
});

test('the endpoint leaves no listener and no variable behind when it is stopped while it opens', async () => {
  for (let turns = 0; turns < 8; turns += 1) {
    const port = await freePort();
    const elector = new LeaseElector({ lease: LEASE, endpoint: { port }, exportEnv: true }, runtimeOf({}));
    const rejected = assert.rejects(elector.start(), { name: 'LeaseElectorError' });
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => process.nextTick(resolve));
    await elector.stop();
    await rejected;
    await assertFree(port);
    if (turns === 0) assert.equal(process.env['ELECTOR_PATH'], undefined);
  }
});

test('a start() that rejects has freed the port', async () => {
  const port = await freePort();
  const elector = new LeaseElector({ lease: LEASE, endpoint: { port } }, runtimeOf({}));
  await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_NO_CLUSTER' });
  await assertFree(port);
});

test('a taken port causes one warning, sets no variable, and does not stop the election', async (t) => {
  const cluster = await TestCluster.start(t);
  const port = await freePort();
  const options: LeaseElectorOptions = { endpoint: { port }, exportEnv: true };
  const first = cluster.elector(cluster.addPod('web-0'), options);
  await first.start();
  assert.equal(process.env['ELECTOR_PATH'], `localhost:${port}`);
  delete process.env['ELECTOR_PATH'];
  const second = cluster.elector(cluster.addPod('web-1'), options);
  const warnings: Warning[] = [];
  second.on('warning', (warning) => warnings.push(warning));
  await second.start();
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['endpoint-unavailable'],
  );
  assert.match(warnings[0]?.message ?? '', new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE.*election continues`));
  assert.deepEqual([second.state, process.env['ELECTOR_PATH']], ['candidate', undefined]);
  await second.stop();
  assert.equal((await answerOf(t, port)).name, 'web-0', 'the first endpoint still answers');
});

// The environment

test('the variables of a sidecar are replaced by those of this endpoint', async (t) => {
  const cluster = await TestCluster.start(t);
  for (const name of VARIABLES) process.env[name] = 'localhost:4040';
  const elector = cluster.elector(cluster.addPod('web-0'), { endpoint: { port: 0 }, exportEnv: true });
  await elector.start();
  const url = process.env['ELECTOR_GET_URL'] ?? '';
  assert.equal(url, `http://${process.env['ELECTOR_PATH']}/`);
  assert.equal(process.env['ELECTOR_SSE_URL'], `${url}sse`);
  assert.equal((await answerOf(t, Number(new URL(url).port))).name, 'web-0');
});

test('the variables are not set without exportEnv', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { endpoint: { port: 0, host: '127.0.0.1' } });
  await elector.start();
  assert.deepEqual(
    VARIABLES.map((name) => process.env[name]),
    [undefined, undefined, undefined],
  );
});

// The name

test('the leader and a candidate name the leader, and readers receive every change', async (t) => {
  const { electors, ports } = await two(t);
  const [leader, candidate] = electors;
  const readers = [await sseReader(t, ports[0]), await sseReader(t, ports[1])];
  for (const port of ports) {
    const { name, last_update } = await answerOf(t, port);
    assert.equal(name, 'web-0');
    assert.match(last_update ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  await leader.stepDown();
  await until('the other leads', () => candidate.isLeader && leader.leader?.name === 'web-1');
  for (const port of ports) assert.equal((await answerOf(t, port)).name, 'web-1');
  for (const reader of readers) {
    await reader.has('data: {"name":"web-1"');
    const names = [...reader.received.matchAll(/data: (?:\{"name":"([\w-]+)"|\{\})/g)].map(([, name]) => name ?? '');
    assert.deepEqual([names[0], names.at(-1)], ['web-0', 'web-1']);
    assert.ok(
      names.every((name, index) => name !== names[index - 1]),
      names.join(),
    );
  }
});

test('a sibling and the leading process of its Pod name the Pod', async (t) => {
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0');
  const leader = cluster.elector(pod, ENDPOINT);
  const leaderPort = await listening(leader);
  await leader.start();
  const sibling = cluster.elector(pod, ENDPOINT);
  const port = await listening(sibling);
  await sibling.start();
  assert.deepEqual([sibling.state, sibling.leader?.name], ['sibling', 'web-0']);
  const reader = await sseReader(t, port);
  assert.deepEqual([(await answerOf(t, leaderPort)).name, (await answerOf(t, port)).name], ['web-0', 'web-0']);
  await leader.stop();
  await until('the sibling leads', () => sibling.isLeader);
  assert.equal((await answerOf(t, port)).name, 'web-0');
  await reader.has('data: {"name":"web-0"');
});

test('a sibling names its Pod from its first moment until it gets the socket', async (t) => {
  for (const order of [
    ['socket', 'Lease'],
    ['Lease', 'socket'],
  ]) {
    const { scripted, port, lease } = await restarted();
    for (const answer of order) {
      if (answer === 'socket') scripted.world.reportLock('taken');
      else scripted.world.take('list lease').succeed({ items: [lease], resourceVersion: '10' });
      await promisesSettled();
    }
    assert.equal(scripted.elector.state, 'sibling');
    assert.equal((await answerOf(t, port)).name, SELF.name, `the ${order[0]} first`);
    // The leading process has ended, and this one has no proof yet.
    scripted.world.reportLock('held');
    await promisesSettled();
    assert.deepEqual(await answerOf(t, port), {});
    await endOf(scripted);
  }
});

test('a process whose bind is refused does not name its Pod, because no other process is known to lead', async (t) => {
  const { scripted, port, lease } = await restarted();
  scripted.world.reportLock('taken', { refusedBy: 'EPERM' });
  scripted.world.take('list lease').succeed({ items: [lease], resourceVersion: '10' });
  await promisesSettled();
  assert.deepEqual([scripted.elector.state, scripted.elector.leader?.name], ['sibling', SELF.name]);
  assert.deepEqual(await answerOf(t, port), {});
  await endOf(scripted);
});

test('the ghost of a Pod names no leader when a later Pod of its name leads', async (t) => {
  const cluster = await TestCluster.start(t);
  const ghost = cluster.elector(cluster.addPod('web-0'), ENDPOINT);
  const port = await listening(ghost);
  await ghost.start();
  await cluster.delete('pod', 'web-0', { gracePeriodSeconds: 0 });
  const again = cluster.addPod('web-0');
  const successor = cluster.elector(again, ENDPOINT);
  const otherPort = await listening(successor);
  await until('the later Pod leads', () => successor.isLeader);
  await until('the ghost has observed that', () => ghost.leader?.uid === again.uid);
  assert.deepEqual(await answerOf(t, port), {});
  assert.equal((await answerOf(t, otherPort)).name, 'web-0');
});

test('the endpoint names no leader when the Lease has the name of this Pod but no owner', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.createLease({ holderIdentity: 'web-0' });
  const elector = cluster.elector(cluster.addPod('web-0'), ENDPOINT);
  const port = await listening(elector);
  await elector.start();
  assert.equal(elector.leader?.name, 'web-0');
  assert.deepEqual(await answerOf(t, port), {});
});

test('a demoted leader names the new leader or none', async (t) => {
  // The clock runs 20 times as fast, so a term ends after half a second of refusals.
  const slow = { renewIntervalMs: 4_000, leaseDurationSeconds: 20 };
  const { cluster, pod, electors, ports } = await two(t, slow, { clock: fasterClock(20) });
  const journal = journalOf(electors[0]);
  const refusal = cluster.faults.answer(401, { client: pod.name });
  await until('it is demoted', () => journal.includes('demoted: unauthorized'));
  assert.deepEqual(await answerOf(t, ports[0]), {}, 'this Pod still holds the Lease');
  assert.equal((await answerOf(t, ports[1])).name, 'web-0');
  refusal.lift();
  await until('it leads again', () => electors[0].isLeader);
  assert.equal((await answerOf(t, ports[0])).name, 'web-0');
  await cluster.delete('pod', 'web-0');
  await until('it is demoted', () => journal.includes('demoted: pod-deleted'));
  assert.notEqual((await answerOf(t, ports[0])).name, 'web-0');
  await until('the other Pod leads, and this process has observed it', () => electors[0].leader?.name === 'web-1');
  assert.equal((await answerOf(t, ports[0])).name, 'web-1');
});

test('a restarted container names no leader until it has proven its Lease', async (t) => {
  const before = new ScriptedElector();
  await before.lead();
  const scripted = new ScriptedElector(ENDPOINT);
  const port = await listening(scripted.elector);
  await promisesSettled();
  assert.ok(before.lease);
  await scripted.shown(before.lease);
  assert.equal(scripted.elector.leader?.name, SELF.name, 'the Lease names this Pod');
  assert.deepEqual(await answerOf(t, port), {});
  scripted.world.take('read pod web-0').succeed(OWN_POD);
  await promisesSettled();
  const renewal = scripted.world.take('replace lease');
  assert.deepEqual(await answerOf(t, port), {});
  renewal.succeed({ ...before.lease, ...renewal.content, resourceVersion: '12' });
  await promisesSettled();
  assert.equal(scripted.elector.isLeader, true);
  assert.equal((await answerOf(t, port)).name, SELF.name);
  await endOf(scripted);
});

test('the endpoint names this machine when there is no cluster', async (t) => {
  const elector = new LeaseElector({ local: true, ...ENDPOINT }, runtimeOf({}));
  t.after(() => elector.stop());
  const port = await listening(elector);
  await elector.start();
  assert.equal((await answerOf(t, port)).name, hostname());
});

// last_update

/** A clock whose time of day can be set. */
class SetClock extends ManualClock {
  putForwardMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.putForwardMs;
  }
}

test('last_update is the time of the last confirmation, and no unanswered request or changed clock moves it', async (t) => {
  const clock = new SetClock();
  const scripted = new ScriptedElector(ENDPOINT, clock);
  const port = await listening(scripted.elector);
  await scripted.lead();
  assert.deepEqual(await answerOf(t, port), { name: SELF.name, last_update: '2027-01-15T08:00:01Z' });
  scripted.run(5);
  assert.deepEqual(await answerOf(t, port), { name: SELF.name, last_update: '2027-01-15T08:00:01Z' });
  for (const putForwardMs of [3_600_000, -3_600_000]) {
    clock.putForwardMs = putForwardMs;
    assert.deepEqual(await answerOf(t, port), { name: SELF.name, last_update: '2027-01-15T08:00:01Z' });
  }
  // The next confirmation has the time of the changed clock.
  scripted.run(5);
  const { content, succeed } = scripted.world.take('replace lease');
  succeed({ ...scripted.lease, ...content, resourceVersion: '12' });
  await promisesSettled();
  // The clock changes by an hour before the next answer. The confirmation keeps its time.
  clock.putForwardMs = 0;
  scripted.run(2);
  assert.deepEqual(await answerOf(t, port), { name: SELF.name, last_update: '2027-01-15T07:00:11Z' });
  await endOf(scripted);
});

test('last_update of a candidate moves with the renewals that it observes', async (t) => {
  const leader = new ScriptedElector();
  await leader.lead();
  const scripted = new ScriptedElector(ENDPOINT);
  const port = await listening(scripted.elector);
  await promisesSettled();
  const lease = takenBy(leader.lease, OTHER);
  await scripted.shown(lease);
  assert.deepEqual(await answerOf(t, port), { name: OTHER.name, last_update: '2027-01-15T08:00:01Z' });
  scripted.run(7);
  scripted.world.stream('lease').sink.event({
    type: 'MODIFIED',
    item: { ...lease, resourceVersion: '21', renewTimeMs: 7 } as never,
  } as never);
  scripted.run(3);
  assert.deepEqual(await answerOf(t, port), { name: OTHER.name, last_update: '2027-01-15T08:00:08Z' });
  await endOf(scripted);
});

/** Stops the elector. Every request fails from now on, and each step of leaving is repeated until its limit. */
async function endOf(scripted: ScriptedElector): Promise<void> {
  const { elector, world } = scripted;
  const stopped = elector.stop();
  for (let second = 0; second <= LEAVING_LIMIT_MS / 1_000; second += 1) {
    await promisesSettled();
    for (const { fail } of world.pending.splice(0)) fail('unavailable');
    await promisesSettled();
    scripted.run(1);
  }
  await stopped;
}

/**
 * The option `endpoint`: when it answers, and whom it names. A client compares the name with its hostname, so a
 * process names its own Pod only while a process of that Pod leads. Real sockets; what the server does with clients is
 * tested in `http/`.
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

/** Any free port, which is told by the environment. */
const ENDPOINT: LeaseElectorOptions = { endpoint: { port: 0 }, exportEnv: true };

const VARIABLES = ['ELECTOR_PATH', 'ELECTOR_GET_URL', 'ELECTOR_SSE_URL'] as const;

beforeEach(() => {
  for (const name of VARIABLES) delete process.env[name];
});

/** Begins to start an elector; resolves with the port as soon as its endpoint listens. */
async function listening(elector: LeaseElector): Promise<number> {
  delete process.env['ELECTOR_PATH'];
  elector.start().catch(() => undefined);
  await until('the endpoint listens', () => process.env['ELECTOR_PATH'] !== undefined);
  return Number(process.env['ELECTOR_PATH']?.replace('localhost:', ''));
}

/** What an application is told. */
async function told(t: TestContext, port: number): Promise<{ readonly name?: string; readonly last_update?: string }> {
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

/** An elector that leads, and one that does not, each with its endpoint. */
async function two(
  t: TestContext,
  leaderOptions: LeaseElectorOptions = {},
  leaderSurroundings: Partial<Runtime> = {},
): Promise<{
  readonly cluster: TestCluster;
  readonly pod: TestPod;
  readonly electors: readonly [LeaseElector, LeaseElector];
  readonly ports: readonly [number, number];
}> {
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0');
  const leader = cluster.elector(pod, { ...ENDPOINT, ...leaderOptions }, leaderSurroundings);
  const port = await listening(leader);
  await leader.start();
  const candidate = cluster.elector(cluster.addPod('web-1'), ENDPOINT);
  const otherPort = await listening(candidate);
  await candidate.start();
  return { cluster, pod, electors: [leader, candidate], ports: [port, otherPort] };
}

/** A process with an endpoint, in a Pod that holds the Lease by an earlier or another process. */
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

// When it answers

test('it answers before anything is asked of the cluster, and {} until something is known', async (t) => {
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
        assert.notEqual(process.env['ELECTOR_PATH'], undefined, 'it listens already');
        await connecting.promise;
        return runtime.connect(options);
      },
    },
  );
  t.after(() => elector.stop());
  const port = await listening(elector);
  await until('it looks for the cluster', () => connects === 1);
  assert.deepEqual(await told(t, port), {});
  const reader = await sseReader(t, port);
  assert.match(reader.received, /\r\n\r\n.*data: \{\}\n\n/s);
  connecting.resolve();
  await elector.start();
  assert.equal((await told(t, port)).name, 'web-0');
  await reader.has('data: {"name":"web-0","last_update":"');
});

test('it answers {} while the work of the term drains, and until stop() has resolved', async (t) => {
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
  assert.deepEqual(await told(t, port), {});
  await reader.has('data: {}\n\n');
  assert.deepEqual(await told(t, port), {});
  work.resolve();
  await stopped;
  assert.equal(listenersAtTheEnd, listeners, 'it listened to the last');
  await reader.whole();
  await assertFree(port);
});

test('stopped while it opens, it leaves no listener and no variable behind', async () => {
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

test('a port that is taken is one warning; the election goes on, and no variable is set', async (t) => {
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
  assert.equal((await told(t, port)).name, 'web-0', 'the first answers on');
});

// The environment

test('the variables that a sidecar set are replaced: this endpoint listens, and here', async (t) => {
  const cluster = await TestCluster.start(t);
  for (const name of VARIABLES) process.env[name] = 'localhost:4040';
  const elector = cluster.elector(cluster.addPod('web-0'), { endpoint: { port: 0 }, exportEnv: true });
  await elector.start();
  const url = process.env['ELECTOR_GET_URL'] ?? '';
  assert.equal(url, `http://${process.env['ELECTOR_PATH']}/`);
  assert.equal(process.env['ELECTOR_SSE_URL'], `${url}sse`);
  assert.equal((await told(t, Number(new URL(url).port))).name, 'web-0');
});

test('without exportEnv they are left alone', async (t) => {
  const cluster = await TestCluster.start(t);
  const elector = cluster.elector(cluster.addPod('web-0'), { endpoint: { port: 0, host: '127.0.0.1' } });
  await elector.start();
  assert.deepEqual(
    VARIABLES.map((name) => process.env[name]),
    [undefined, undefined, undefined],
  );
});

// Whom it names

test('the leader names itself, a candidate names the leader, and readers hear of every change', async (t) => {
  const { electors, ports } = await two(t);
  const [leader, candidate] = electors;
  const readers = [await sseReader(t, ports[0]), await sseReader(t, ports[1])];
  for (const port of ports) {
    const { name, last_update } = await told(t, port);
    assert.equal(name, 'web-0');
    assert.match(last_update ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  }
  await leader.stepDown();
  await until('the other leads', () => candidate.isLeader && leader.leader?.name === 'web-1');
  for (const port of ports) assert.equal((await told(t, port)).name, 'web-1');
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

test('a sibling names its Pod while another process leads for it, as that process does', async (t) => {
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
  assert.deepEqual([(await told(t, leaderPort)).name, (await told(t, port)).name], ['web-0', 'web-0']);
  await leader.stop();
  await until('the sibling leads', () => sibling.isLeader);
  assert.equal((await told(t, port)).name, 'web-0');
  await reader.has('data: {"name":"web-0"');
});

test('a sibling names its Pod as soon as it is one, and no longer when the socket is its own', async (t) => {
  for (const order of [
    ['socket', 'Lease'],
    ['Lease', 'socket'],
  ]) {
    const { scripted, port, lease } = await restarted();
    for (const answer of order) {
      if (answer === 'socket') scripted.world.tellLock('taken');
      else scripted.world.take('list lease').succeed({ items: [lease], resourceVersion: '10' });
      await promisesSettled();
    }
    assert.equal(scripted.elector.state, 'sibling');
    assert.equal((await told(t, port)).name, SELF.name, `first the ${order[0]}`);
    // The process that led has ended, and nothing is proven of this one yet.
    scripted.world.tellLock('held');
    await promisesSettled();
    assert.deepEqual(await told(t, port), {});
    await endOf(scripted);
  }
});

test('a process whose bind is refused does not name its Pod: no other process is known to lead', async (t) => {
  const { scripted, port, lease } = await restarted();
  scripted.world.tellLock('taken', { refusedBy: 'EPERM' });
  scripted.world.take('list lease').succeed({ items: [lease], resourceVersion: '10' });
  await promisesSettled();
  assert.deepEqual([scripted.elector.state, scripted.elector.leader?.name], ['sibling', SELF.name]);
  assert.deepEqual(await told(t, port), {});
  await endOf(scripted);
});

test('the ghost of a Pod names nobody while a later Pod of the same name leads', async (t) => {
  const cluster = await TestCluster.start(t);
  const ghost = cluster.elector(cluster.addPod('web-0'), ENDPOINT);
  const port = await listening(ghost);
  await ghost.start();
  await cluster.delete('pod', 'web-0', { gracePeriodSeconds: 0 });
  const again = cluster.addPod('web-0');
  const successor = cluster.elector(again, ENDPOINT);
  const otherPort = await listening(successor);
  await until('the later one leads', () => successor.isLeader);
  await until('the ghost knows', () => ghost.leader?.uid === again.uid);
  assert.deepEqual(await told(t, port), {});
  assert.equal((await told(t, otherPort)).name, 'web-0');
});

test('a Lease that no Pod owns, and that is held in the name of this one, names nobody', async (t) => {
  const cluster = await TestCluster.start(t);
  await cluster.createLease({ holderIdentity: 'web-0' });
  const elector = cluster.elector(cluster.addPod('web-0'), ENDPOINT);
  const port = await listening(elector);
  await elector.start();
  assert.equal(elector.leader?.name, 'web-0');
  assert.deepEqual(await told(t, port), {});
});

test('a leader that is demoted names who leads now, or nobody', async (t) => {
  // The ten seconds of refusals that end a term are half a second of ours.
  const slow = { renewIntervalMs: 4_000, leaseDurationSeconds: 20 };
  const { cluster, pod, electors, ports } = await two(t, slow, { clock: fasterClock(20) });
  const journal = journalOf(electors[0]);
  const refusal = cluster.faults.answer(401, { client: pod.name });
  await until('it is demoted', () => journal.includes('demoted: unauthorized'));
  assert.deepEqual(await told(t, ports[0]), {}, 'the Lease is its own still');
  assert.equal((await told(t, ports[1])).name, 'web-0');
  refusal.lift();
  await until('it leads again', () => electors[0].isLeader);
  assert.equal((await told(t, ports[0])).name, 'web-0');
  await cluster.delete('pod', 'web-0');
  await until('it is demoted', () => journal.includes('demoted: pod-deleted'));
  assert.notEqual((await told(t, ports[0])).name, 'web-0');
  await until('the other leads, and it knows', () => electors[0].leader?.name === 'web-1');
  assert.equal((await told(t, ports[0])).name, 'web-1');
});

test('a restarted container names nobody until its Lease is proven to be its own', async (t) => {
  const before = new ScriptedElector();
  await before.lead();
  const scripted = new ScriptedElector(ENDPOINT);
  const port = await listening(scripted.elector);
  await promisesSettled();
  assert.ok(before.lease);
  await scripted.shown(before.lease);
  assert.equal(scripted.elector.leader?.name, SELF.name, 'the Lease says so');
  assert.deepEqual(await told(t, port), {});
  scripted.world.take('read pod web-0').succeed(OWN_POD);
  await promisesSettled();
  const renewal = scripted.world.take('replace lease');
  assert.deepEqual(await told(t, port), {});
  renewal.succeed({ ...before.lease, ...renewal.content, resourceVersion: '12' });
  await promisesSettled();
  assert.equal(scripted.elector.isLeader, true);
  assert.equal((await told(t, port)).name, SELF.name);
  await endOf(scripted);
});

test('alone on a machine without a cluster, it names this machine', async (t) => {
  const elector = new LeaseElector({ local: true, ...ENDPOINT }, runtimeOf({}));
  t.after(() => elector.stop());
  const port = await listening(elector);
  await elector.start();
  assert.equal((await told(t, port)).name, hostname());
});

// last_update

/** A clock on which people set the time of day. */
class SetClock extends ManualClock {
  putForwardMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.putForwardMs;
  }
}

test('last_update is when the API server last confirmed it: no request and no clock that is set moves it', async (t) => {
  const clock = new SetClock();
  const scripted = new ScriptedElector(ENDPOINT, clock);
  const port = await listening(scripted.elector);
  await scripted.lead();
  assert.deepEqual(await told(t, port), { name: SELF.name, last_update: '2027-01-15T08:00:01Z' });
  scripted.run(5);
  assert.deepEqual(await told(t, port), { name: SELF.name, last_update: '2027-01-15T08:00:01Z' });
  for (const putForwardMs of [3_600_000, -3_600_000]) {
    clock.putForwardMs = putForwardMs;
    assert.deepEqual(await told(t, port), { name: SELF.name, last_update: '2027-01-15T08:00:01Z' });
  }
  // The next confirmation is told by the clock as it is then.
  scripted.run(5);
  const { content, succeed } = scripted.world.take('replace lease');
  succeed({ ...scripted.lease, ...content, resourceVersion: '12' });
  await promisesSettled();
  // The machine sleeps for an hour before anybody asks; its monotonic clock does, too.
  clock.putForwardMs = 0;
  scripted.run(2);
  assert.deepEqual(await told(t, port), { name: SELF.name, last_update: '2027-01-15T07:00:11Z' });
  await endOf(scripted);
});

test('last_update of a candidate moves with the renewals that it sees', async (t) => {
  const leader = new ScriptedElector();
  await leader.lead();
  const scripted = new ScriptedElector(ENDPOINT);
  const port = await listening(scripted.elector);
  await promisesSettled();
  const lease = takenBy(leader.lease, OTHER);
  await scripted.shown(lease);
  assert.deepEqual(await told(t, port), { name: OTHER.name, last_update: '2027-01-15T08:00:01Z' });
  scripted.run(7);
  scripted.world.stream('lease').sink.event({
    type: 'MODIFIED',
    item: { ...lease, resourceVersion: '21', renewTimeMs: 7 } as never,
  } as never);
  scripted.run(3);
  assert.deepEqual(await told(t, port), { name: OTHER.name, last_update: '2027-01-15T08:00:08Z' });
  await endOf(scripted);
});

/** Stops it. Every request fails from here on, and each step of leaving is tried again until its time is up. */
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

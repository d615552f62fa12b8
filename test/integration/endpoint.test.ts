/**
 * Real processes whose endpoints are besieged: a thousand readers of the stream on each, and clients that hang, send
 * too much or leave their half open. The election must not notice, and nothing of them may stay.
 *
 * The clients are in one process with the API server: a good part of what a failover takes longer is theirs.
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { RawClient } from '../endpoint/raw-client.ts';
import { CandidateProcess } from './candidate-process.ts';
import { TestCluster, until } from './cluster.ts';

const READERS = 1_000;
const OF_EACH_KIND = 50;

/** A failover takes some 50 ms; a renewal is due every 200 ms. Other tests may run beside this one. */
const MAX_FAILOVER_MS = 3_000;
const MAX_RENEWAL_GAP_MS = 3_000;

/** How much longer either may take than without clients; below `NOISE_MS` the machine is what is measured. */
const MAX_RATIO = 10;
const NOISE_MS = 1_000;

/** Ports on which nobody listens. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** A leader and a candidate with an endpoint each. */
interface Besieged {
  readonly cluster: TestCluster;
  readonly processes: readonly [CandidateProcess, CandidateProcess];
  readonly ports: readonly number[];
}

async function besieged(t: TestContext): Promise<Besieged> {
  const cluster = await TestCluster.start(t);
  const ports = await freePorts(2);
  const start = (name: string, port = 0): CandidateProcess =>
    new CandidateProcess(t, cluster.addPod(name), { endpoint: { port } });
  const leader = start('web-0', ports[0]);
  await leader.report('elected');
  const candidate = start('web-1', ports[1]);
  await candidate.report('leaderChanged', 'web-0');
  for (const process of [leader, candidate]) assert.deepEqual(process.all('warning'), []);
  return { cluster, processes: [leader, candidate], ports };
}

/** Everybody who comes to one endpoint; resolves when all readers were told who leads. */
async function siege(port: number): Promise<RawClient[]> {
  const clients = (count: number, ...lines: string[]): RawClient[] =>
    Array.from({ length: count }, () => new RawClient(port).send(...lines));
  const hanging = clients(OF_EACH_KIND, 'GET / HTTP/1.1', 'Host: localhost');
  const huge = clients(OF_EACH_KIND, 'POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 9000000000', '');
  for (const client of huge) client.socket.write(Buffer.alloc(256 * 1024));
  const halfOpen = clients(OF_EACH_KIND, 'GET / HTTP/1.1', 'Host: localhost', '');
  for (const client of halfOpen) client.socket.end();
  const readers = clients(READERS, 'GET /sse HTTP/1.1', 'Host: localhost', '');
  await until('all readers are told', () => readers.every(({ received }) => received.includes('"name":"web-0"')));
  // Half of them do not read any more.
  for (const reader of readers.slice(READERS / 2)) reader.socket.pause();
  return [...hanging, ...huge, ...halfOpen, ...readers];
}

interface Measured {
  readonly failoverMs: number;
  readonly renewalGapMs: number;
}

/** The longest time between two renewals of the leader, and how long nobody led when its Pod was deleted. */
async function measure({ cluster, processes: [leader, candidate] }: Besieged): Promise<Measured> {
  let renewedAtMs = systemClock.nowMs();
  let renewalGapMs = 0;
  let renewals = 0;
  let succeededAtMs = 0;
  cluster.server.onWrite(({ resource, type, object }) => {
    if (resource !== 'leases') return;
    const nowMs = systemClock.nowMs();
    if (type === 'MODIFIED' && object.spec?.['holderIdentity'] === 'web-0') {
      renewalGapMs = Math.max(renewalGapMs, nowMs - renewedAtMs);
      renewedAtMs = nowMs;
      renewals += 1;
    }
    if (type === 'ADDED' && object.spec?.['holderIdentity'] === 'web-1') succeededAtMs = nowMs;
  });
  await until('it has renewed a few times', () => renewals >= 10);
  const deletedAtMs = systemClock.nowMs();
  await cluster.delete('pod', 'web-0');
  await candidate.report('elected');
  await leader.report('demoted', 'pod-deleted');
  return { failoverMs: succeededAtMs - deletedAtMs, renewalGapMs };
}

/** How many sockets and other things that process has open. */
async function handlesOf(process: CandidateProcess): Promise<string[]> {
  const count = process.all('handles').length;
  process.tell('handles');
  return (await process.report('handles', undefined, count + 1)).detail.split(',');
}

const sockets = (handles: readonly string[]): number => handles.filter((name) => name === 'TCPSocketWrap').length;
const listeners = (handles: readonly string[]): number => handles.filter((name) => name === 'TCPServerWrap').length;

test(`${READERS} readers and worse clients on both endpoints disturb neither renewals nor a failover`, async (t) => {
  const alone = await besieged(t);
  const calm = await measure(alone);
  for (const process of alone.processes) await process.kill();

  const room = await besieged(t);
  const [leader, candidate] = room.processes;
  const before = [await handlesOf(leader), await handlesOf(candidate)];
  const sieges: RawClient[][] = [];
  for (const port of room.ports) sieges.push(await siege(port));
  const clients = sieges.flat();
  const loaded = await measure(room);
  t.diagnostic(`alone: ${format(calm)}; with ${clients.length} clients: ${format(loaded)}`);
  assert.ok(loaded.failoverMs < Math.max(calm.failoverMs * MAX_RATIO, NOISE_MS), 'the failover is slower');
  assert.ok(loaded.renewalGapMs < Math.max(calm.renewalGapMs * MAX_RATIO, NOISE_MS), 'renewals are late');
  assert.ok(loaded.failoverMs < MAX_FAILOVER_MS && loaded.renewalGapMs < MAX_RENEWAL_GAP_MS);

  // Those who read have been told: by the ghost that it leads no more, by the successor that it does.
  for (const [index, news] of ['data: {}\n', 'data: {"name":"web-1"'].entries()) {
    const reading = (sieges[index] ?? []).filter(
      ({ socket, received }) => received.includes('text/event-stream') && !socket.isPaused(),
    );
    assert.equal(reading.length, READERS / 2);
    await until(`the readers hear of ${news}`, () => reading.every(({ received }) => received.includes(news)));
  }

  for (const { socket } of clients) socket.destroy();
  for (const [index, process] of room.processes.entries()) {
    let handles = await handlesOf(process);
    for (let attempt = 0; attempt < 200 && sockets(handles) > 8; attempt += 1) handles = await handlesOf(process);
    assert.ok(sockets(handles) <= 8, `${sockets(handles)} sockets are left of ${clients.length / 2}`);
    assert.equal(listeners(handles), listeners(before[index] ?? []));
    process.tell('stop');
    assert.equal(await process.ended(), 0, 'nothing keeps it alive');
  }
});

function format({ failoverMs, renewalGapMs }: Measured): string {
  return `failover ${failoverMs.toFixed(0)} ms, longest pause between renewals ${renewalGapMs.toFixed(0)} ms`;
}

/**
 * Real processes whose endpoints are under load: a thousand readers of the stream on each, and clients that hang, send
 * too much or half-close their connection. The election must not be affected, and no connection may be left.
 *
 * The clients and the API server share one process, so the clients cause a part of the longer failover.
 */

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/runtime/clock.ts';
import { RawClient } from '../endpoint/raw-client.ts';
import { until } from '../worlds/until.ts';
import { CandidateProcess } from './candidate-process.ts';
import { TestCluster } from './cluster.ts';

const READERS = 1_000;
const FAULTY_CLIENTS_PER_KIND = 50;

/** A failover takes about 50 ms, and a renewal is due every 200 ms. Other tests may run at the same time. */
const MAX_FAILOVER_MS = 3_000;
const MAX_RENEWAL_GAP_MS = 3_000;

/**
 * The largest ratio of each time to the time without clients. Times below `NOISE_MS` are not compared, because they
 * depend on the machine.
 */
const MAX_RATIO = 10;
const NOISE_MS = 1_000;

/** Ports without a listener. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** A leader and a candidate with an endpoint each. */
interface Loaded {
  readonly cluster: TestCluster;
  readonly processes: readonly [CandidateProcess, CandidateProcess];
  readonly ports: readonly number[];
}

async function startPair(t: TestContext): Promise<Loaded> {
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

/** Opens all clients of one endpoint. Resolves when all readers have received the leader. */
async function openClients(port: number): Promise<RawClient[]> {
  const clients = (count: number, ...lines: string[]): RawClient[] =>
    Array.from({ length: count }, () => new RawClient(port).send(...lines));
  const hanging = clients(FAULTY_CLIENTS_PER_KIND, 'GET / HTTP/1.1', 'Host: localhost');
  const huge = clients(FAULTY_CLIENTS_PER_KIND, 'POST / HTTP/1.1', 'Host: localhost', 'Content-Length: 9000000000', '');
  for (const client of huge) client.socket.write(Buffer.alloc(256 * 1024));
  const halfOpen = clients(FAULTY_CLIENTS_PER_KIND, 'GET / HTTP/1.1', 'Host: localhost', '');
  for (const client of halfOpen) client.socket.end();
  const readers = clients(READERS, 'GET /sse HTTP/1.1', 'Host: localhost', '');
  await until('all readers have received the leader', () =>
    readers.every(({ received }) => received.includes('"name":"web-0"')),
  );
  // Half of the readers stop reading.
  for (const reader of readers.slice(READERS / 2)) reader.socket.pause();
  return [...hanging, ...huge, ...halfOpen, ...readers];
}

interface Measured {
  readonly failoverMs: number;
  readonly renewalGapMs: number;
}

/**
 * Measures the longest time between two renewals of the leader, and the time without a leader after the deletion of its
 * Pod.
 */
async function measure({ cluster, processes: [leader, candidate] }: Loaded): Promise<Measured> {
  let renewedAtMs = systemClock.nowMs();
  let renewalGapMs = 0;
  let renewals = 0;
  let takenOverAtMs = 0;
  cluster.server.onWrite(({ resource, type, object }) => {
    if (resource !== 'leases') return;
    const nowMs = systemClock.nowMs();
    if (type === 'MODIFIED' && object.spec?.['holderIdentity'] === 'web-0') {
      renewalGapMs = Math.max(renewalGapMs, nowMs - renewedAtMs);
      renewedAtMs = nowMs;
      renewals += 1;
    }
    if (type === 'ADDED' && object.spec?.['holderIdentity'] === 'web-1') takenOverAtMs = nowMs;
  });
  await until('the leader has renewed ten times', () => renewals >= 10);
  const deletedAtMs = systemClock.nowMs();
  await cluster.delete('pod', 'web-0');
  await candidate.report('elected');
  await leader.report('demoted', 'pod-deleted');
  return { failoverMs: takenOverAtMs - deletedAtMs, renewalGapMs };
}

/** The open sockets and other resources of a process. */
async function handlesOf(process: CandidateProcess): Promise<string[]> {
  const count = process.all('handles').length;
  process.send('handles');
  return (await process.report('handles', undefined, count + 1)).detail.split(',');
}

const sockets = (handles: readonly string[]): number => handles.filter((name) => name === 'TCPSocketWrap').length;
const listeners = (handles: readonly string[]): number => handles.filter((name) => name === 'TCPServerWrap').length;

test(`renewals and a failover stay fast when both endpoints have ${READERS} readers and faulty clients`, async (t) => {
  const alone = await startPair(t);
  const calm = await measure(alone);
  for (const process of alone.processes) await process.kill();

  const loadedPair = await startPair(t);
  const [leader, candidate] = loadedPair.processes;
  const before = [await handlesOf(leader), await handlesOf(candidate)];
  const clientsByPort: RawClient[][] = [];
  for (const port of loadedPair.ports) clientsByPort.push(await openClients(port));
  const clients = clientsByPort.flat();
  const loaded = await measure(loadedPair);
  t.diagnostic(`alone: ${format(calm)}; with ${clients.length} clients: ${format(loaded)}`);
  assert.ok(loaded.failoverMs < Math.max(calm.failoverMs * MAX_RATIO, NOISE_MS), 'the failover is slower');
  assert.ok(loaded.renewalGapMs < Math.max(calm.renewalGapMs * MAX_RATIO, NOISE_MS), 'renewals are late');
  assert.ok(loaded.failoverMs < MAX_FAILOVER_MS && loaded.renewalGapMs < MAX_RENEWAL_GAP_MS);

  // Each reader receives the change: from the ghost that it no longer leads, from the successor that it leads.
  for (const [index, expected] of ['data: {}\n', 'data: {"name":"web-1"'].entries()) {
    const reading = (clientsByPort[index] ?? []).filter(
      ({ socket, received }) => received.includes('text/event-stream') && !socket.isPaused(),
    );
    assert.equal(reading.length, READERS / 2);
    await until(`the readers receive ${expected}`, () => reading.every(({ received }) => received.includes(expected)));
  }

  for (const { socket } of clients) socket.destroy();
  for (const [index, process] of loadedPair.processes.entries()) {
    let handles = await handlesOf(process);
    for (let attempt = 0; attempt < 200 && sockets(handles) > 8; attempt += 1) handles = await handlesOf(process);
    assert.ok(sockets(handles) <= 8, `${sockets(handles)} sockets are left of ${clients.length / 2}`);
    assert.equal(listeners(handles), listeners(before[index] ?? []));
    process.send('stop');
    assert.equal(await process.ended(), 0, 'no resource keeps it alive');
  }
});

function format({ failoverMs, renewalGapMs }: Measured): string {
  return `failover ${failoverMs.toFixed(0)} ms, longest pause between renewals ${renewalGapMs.toFixed(0)} ms`;
}

/**
 * Many electors in one process share connections. An elector that hangs, stops or is refused does not disturb the
 * others.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { LeaseElector } from '../../src/lease-elector.ts';
import type { ApiResponse } from '../../src/testing/index.ts';
import { until } from '../worlds/until.ts';
import { runtimeOf, TestCluster, type TestPod } from './cluster.ts';

const ELECTIONS = 100;

/**
 * Two watches for each elector, three shared connections for requests, and two for requests that no election awaits.
 */
const CONNECTION_LIMIT = 205;

const REFUSAL: ApiResponse = {
  status: 401,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Unauthorized', code: 401 }),
};

function electorsIn(t: TestContext, pod: TestPod, count: number, requestTimeoutMs = 5_000): LeaseElector[] {
  const electors = Array.from(
    { length: count },
    (_, index) =>
      new LeaseElector(
        { lease: `job-${String(index).padStart(2, '0')}`, serviceAccountDirectory: pod.directory, requestTimeoutMs },
        runtimeOf(pod.environment),
      ),
  );
  t.after(() => Promise.all(electors.map((elector) => elector.stop())));
  return electors;
}

/** The connections of this process to the server, as the kernel counts them (proc(5), /proc/net/tcp). */
function connectionsTo(port: number): number {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const ESTABLISHED = '01';
  return readFileSync('/proc/self/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/ +/))
    .filter(([, , address, state]) => address?.endsWith(remote) === true && state === ESTABLISHED).length;
}

test(`${ELECTIONS} electors of one Pod have at most ${CONNECTION_LIMIT} connections, and the last one closes them`, async (t) => {
  const cluster = await TestCluster.start(t);
  const electors = electorsIn(t, cluster.addPod('web-1'), ELECTIONS);
  await Promise.all(electors.map((elector) => elector.start()));
  assert.ok(electors.every((elector) => elector.isLeader));
  const isWithin = (count: number): boolean => count >= 2 * ELECTIONS && count <= CONNECTION_LIMIT;
  await until('each elector has its watches, and there are few other connections', () =>
    isWithin(connectionsTo(cluster.port)),
  );
  // All electors but one stop, and close only their own watches.
  await Promise.all(electors.slice(1).map((elector) => elector.stop()));
  await until('one elector is left', () => connectionsTo(cluster.port) <= 5);
  assert.ok(electors[0]?.isLeader);
  await electors[0]?.confirm();
  await electors[0]?.stop();
  await until('no connection is left', () => connectionsTo(cluster.port) === 0);
});

test('an elector that hangs or is refused does not disturb the others, even when it stops', async (t) => {
  const cluster = await TestCluster.start(t);
  const electors = electorsIn(t, cluster.addPod('web-1'), 10, 60_000);
  const [hanging, refused, ...others] = electors;
  assert.ok(hanging !== undefined && refused !== undefined);
  const handle = cluster.server.handle.bind(cluster.server);
  t.mock.method(cluster.server, 'handle', (...args: Parameters<typeof handle>) => {
    const [{ path, body }] = args;
    const text = `${path} ${body}`;
    if (text.includes('job-00')) return new Promise(() => {});
    return text.includes('job-01') ? Promise.resolve(REFUSAL) : handle(...args);
  });
  const neverStarted = [hanging, refused].map((elector) => elector.start().catch(() => 'stopped'));
  await Promise.all(others.map((elector) => elector.start()));
  assert.ok(others.every((elector) => elector.isLeader));
  await Promise.all([hanging.stop(), refused.stop()]);
  assert.deepEqual(await Promise.all(neverStarted), ['stopped', 'stopped']);
  for (const elector of others) await elector.confirm();
  assert.ok(others.every((elector) => elector.isLeader));
});

/**
 * The examples with a database, on a real PostgreSQL server.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TestCluster } from '../integration/cluster.ts';
import { ExampleProcess, eventually, exampleFile } from './example-process.ts';
import { POSTGRES_MISSING, startPostgres } from './postgres.ts';

const NEEDS_POSTGRES = { skip: POSTGRES_MISSING };

test('catch-up: the next leader runs the job of a missed night, once', NEEDS_POSTGRES, async (t) => {
  const database = await startPostgres(t, 'catch-up');
  const cluster = await TestCluster.start(t);
  await database.query(`INSERT INTO nightly_runs VALUES ('report', now() - interval '3 days', 1)`);
  const run = (name: string) =>
    ExampleProcess.inPod(
      t,
      exampleFile('catch-up/main.ts'),
      cluster.addPod(name, { nodeName: 'node-1' }),
      database.environment,
    );
  const first = run('web-1');
  await first.line(/^ran$/);
  const reports = await database.query(
    `SELECT night <= now() AND night > now() - interval '26 hours' AS recent,
            extract(hour FROM night AT TIME ZONE 'Europe/Oslo')::int AS hour FROM reports`,
  );
  assert.deepEqual(reports, [{ recent: true, hour: 2 }]);
  // The next leader finds the finished run of that night.
  const second = run('web-2');
  await cluster.delete('pod', 'web-1', { gracePeriodSeconds: 30 });
  first.signal('SIGTERM');
  assert.equal(await first.ended(), 0);
  await second.line(/^nothing is due$/);
  assert.equal((await database.query('SELECT * FROM reports')).length, 1);
  second.signal('SIGTERM');
  assert.equal(await second.ended(), 0);
});

test('catch-up: the night stays due and the process continues when a run fails', NEEDS_POSTGRES, async (t) => {
  const database = await startPostgres(t, 'catch-up');
  const cluster = await TestCluster.start(t);
  await database.query('ALTER TABLE reports RENAME TO hidden');
  const pod = cluster.addPod('web-1');
  const first = ExampleProcess.inPod(t, exampleFile('catch-up/main.ts'), pod, database.environment);
  await first.error(/the run failed: /);
  assert.deepEqual(await database.query('SELECT * FROM nightly_runs'), []);
  await database.query('ALTER TABLE hidden RENAME TO reports');
  first.signal('SIGTERM');
  assert.equal(await first.ended(), 0);
  const second = ExampleProcess.inPod(t, exampleFile('catch-up/main.ts'), pod, database.environment);
  await second.line(/^ran$/);
});

test('fencing: the write of a paused leader whose Pod was force-deleted is refused', NEEDS_POSTGRES, async (t) => {
  const database = await startPostgres(t, 'fencing');
  const cluster = await TestCluster.start(t);
  const run = (name: string) =>
    ExampleProcess.inPod(
      t,
      exampleFile('fencing/main.ts'),
      cluster.addPod(name, { nodeName: 'node-1' }),
      database.environment,
    );
  const fence = async () => BigInt(String((await database.query('SELECT fence FROM totals'))[0]?.['fence']));
  const first = run('web-1');
  await first.line(/^written$/);
  const before = await fence();

  // The lock stops the leader between the start of its job and its write, where it is suspended.
  const lock = await database.connect();
  await lock.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
  let waiting = false;
  while (!waiting) {
    const locks = await database.query(`SELECT 1 FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted`);
    waiting = locks.length > 0;
  }
  first.signal('SIGSTOP');
  const second = run('web-2');
  await cluster.delete('pod', 'web-1', { gracePeriodSeconds: 0 });
  await lock.query('INSERT INTO orders DEFAULT VALUES; COMMIT');
  await lock.end();
  await second.line(/^written$/);
  assert.ok((await fence()) > before, 'the successor has the larger token');

  first.signal('SIGCONT');
  await first.line(/^refused/);
  assert.deepEqual(
    await database.query('SELECT value::int FROM totals'),
    [{ value: 1 }],
    'the successor wrote the total',
  );
  assert.ok((await fence()) > before);
});

test(
  'queue poller: a shutdown finishes the delivery, releases the Lease, then closes Fastify',
  NEEDS_POSTGRES,
  async (t) => {
    const database = await startPostgres(t, 'queue-poller');
    const cluster = await TestCluster.start(t);
    const received: ServerResponse[] = [];
    const receiver = createServer((_request, response) => received.push(response)).listen(0, '127.0.0.1');
    t.after(() => receiver.close());
    t.after(() => receiver.closeAllConnections());
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    const environment = { ...database.environment, HOST: '127.0.0.1', PORT: '0' };
    const run = (name: string) =>
      ExampleProcess.inPod(
        t,
        exampleFile('queue-poller/main.ts'),
        cluster.addPod(name, { nodeName: 'node-1' }),
        environment,
      );
    const first = run('web-1');
    const address = await first.line(/^http:/);
    const post = (to: string) =>
      fetch(`${to}/deliveries`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ url }),
      });

    // A failed delivery is repeated.
    assert.equal((await post(address)).status, 202);
    await eventually(
      () => 'the first delivery is sent',
      () => received.length === 1,
    );
    received[0]?.writeHead(500).end();
    await first.error(/the delivery failed: /);
    await eventually(
      () => 'the delivery is sent again',
      () => received.length === 2,
    );

    const second = run('web-2');
    await second.line(/^http:/);
    await post(address);
    await cluster.delete('pod', 'web-1', { gracePeriodSeconds: 30 });
    first.signal('SIGTERM');
    // While the work ends, the probe is healthy, and no other process takes the Lease.
    await first.line(/^shutting down$/);
    assert.equal((await fetch(`${address}/healthz`)).status, 200);
    assert.equal(received.length, 2, 'the candidate sends no delivery');
    received[1]?.end();
    assert.equal(await first.ended(), 0);
    assert.deepEqual(first.lines.slice(1), [
      'shutting down',
      'delivered 1',
      'polling has stopped',
      'the elector has stopped',
      'the server is closed',
    ]);
    await eventually(
      () => 'the successor makes the second delivery',
      () => received.length === 3,
    );
    received[2]?.end();
    await second.line(/^delivered 2$/);
  },
);

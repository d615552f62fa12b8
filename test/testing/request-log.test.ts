import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoggedRequest, RequestLog } from '../../src/testing/kit/request-log.ts';

function entry(more: Partial<LoggedRequest> = {}): LoggedRequest {
  return {
    client: 'web-0',
    verb: 'get',
    resource: 'leases',
    subresource: '',
    namespace: 'default',
    name: 'app',
    status: 200,
    faults: [],
    atMs: 0,
    ...more,
  };
}

test('the log can be read in its order, filtered, counted and cleared', () => {
  const log = new RequestLog(10);
  log.add(entry({ name: 'a' }));
  log.add(entry({ name: 'b', verb: 'update' }));
  assert.deepEqual(
    [...log].map(({ name }) => name),
    ['a', 'b'],
  );
  assert.deepEqual(
    log.filter({ verb: 'update' }).map(({ name }) => name),
    ['b'],
  );
  assert.deepEqual([log.length, log.count(), log.count({ resource: 'pods' })], [2, 2, 0]);
  log.clear();
  assert.equal(log.length, 0);
});

test('the log keeps the latest requests, up to the limit', () => {
  const log = new RequestLog(3);
  for (let number = 0; number < 20; number += 1) log.add(entry({ atMs: number }));
  assert.deepEqual(
    [...log].map(({ atMs }) => atMs),
    [17, 18, 19],
  );
  assert.equal(log.length, 3);
});

test('next() resolves for every caller with the next request that matches', async () => {
  const log = new RequestLog(3);
  log.add(entry({ name: 'before', verb: 'update' }));
  const [first, second] = [log.next({ verb: 'update' }), log.next({ verb: 'update' })];
  log.add(entry({ name: 'other' }));
  log.add(entry({ name: 'after', verb: 'update' }));
  assert.deepEqual([(await first).name, (await second).name], ['after', 'after']);
});

test('next() rejects when the log is closed, before or after the call', async () => {
  const log = new RequestLog(3);
  const waiting = log.next();
  log.close();
  await assert.rejects(waiting, /the cluster was stopped/);
  await assert.rejects(log.next(), /the cluster was stopped/);
});

test('an invalid filter throws at once', () => {
  const log = new RequestLog(3);
  const wrong = { what: 1 } as object;
  assert.throws(() => log.filter(wrong), TypeError);
  assert.throws(() => log.count(wrong), TypeError);
  assert.throws(() => void log.next(wrong), TypeError);
});

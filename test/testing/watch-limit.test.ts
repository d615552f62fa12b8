/**
 * The limit of waiting events of a watch. Each test makes ten thousand events.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WATCH_BUFFER_LIMIT } from '../../src/testing/storage/watch.ts';
import { LEASES_PATH, leaseBody, makeServer, openWatch, send } from './api-client.ts';

test('the first events of a watch do not count towards its limit', async () => {
  const { server } = makeServer();
  for (let count = 0; count <= WATCH_BUFFER_LIMIT; count += 1) {
    await send(server, 'POST', LEASES_PATH, leaseBody(`l${count}`));
  }
  const { events, ended } = await openWatch(server, `${LEASES_PATH}?watch=1`);
  assert.deepEqual([events.length, ended], [WATCH_BUFFER_LIMIT + 1, false]);
});

test('a watch is dropped when its client does not open it', async () => {
  const { server } = makeServer();
  await send(server, 'POST', LEASES_PATH, leaseBody('a'));
  const request = { method: 'GET', path: `${LEASES_PATH}?watch=1`, headers: { authorization: 'Bearer admin-token' } };
  const { stream } = await server.handle(request);
  const headers = { 'content-type': 'application/merge-patch+json' };
  for (let count = 0; count <= WATCH_BUFFER_LIMIT; count += 1) {
    await send(server, 'PATCH', `${LEASES_PATH}/a`, { spec: { leaseTransitions: count } }, { headers });
  }
  assert.equal(server.stats().watches, 0);
  let error: Error | undefined;
  stream?.open(
    () => {},
    (reason) => {
      error = reason;
    },
  );
  assert.match(String(error), /was not read/);
});

/**
 * Checks an endpoint without an election: what it warns of, and what it answers by default.
 */

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Endpoint } from '../../src/endpoint/endpoint.ts';
import type { EndpointOptions } from '../../src/options.ts';
import { freePort } from '../worlds/free-port.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { LAST_UPDATE_MS, POD_A, rawClient } from './raw-client.ts';

const HOST = '127.0.0.1';

interface Opening {
  readonly endpoint: Endpoint;
  readonly warnings: readonly (readonly [code: string, message: string])[];
}

/** An endpoint that knows the leader `pod-a`, and that is closed at the end of the test. */
function endpointOf(t: TestContext, options: EndpointOptions): Opening {
  const warnings: [code: string, message: string][] = [];
  const endpoint = new Endpoint(options, false, {
    clock: new ManualClock(),
    leaderName: () => 'pod-a',
    verifiedWallMs: () => LAST_UPDATE_MS,
    health: () => null,
    metrics: () => '',
    warn: (code, message) => warnings.push([code, message]),
  });
  t.after(() => endpoint.close());
  return { endpoint, warnings };
}

test('open() warns and does not reject when the options cannot be used', async (t) => {
  const { endpoint, warnings } = endpointOf(t, { host: 7 as never });
  await endpoint.open();
  await endpoint.open();
  assert.equal(warnings.length, 1);
  const [code, message = ''] = warnings[0] ?? [];
  assert.equal(code, 'endpoint-unavailable');
  assert.match(
    message,
    /^The endpoint could not be opened: .+\. The election continues without it\. Check the option endpoint\.$/,
  );
});

test('an endpoint tries no port when it is closed before its server is loaded', async (t) => {
  const owner = createServer().listen(0, HOST);
  t.after(() => owner.close());
  await once(owner, 'listening');
  const { endpoint, warnings } = endpointOf(t, { port: (owner.address() as AddressInfo).port, host: HOST });
  const opened = endpoint.open();
  await endpoint.close();
  await opened;
  assert.deepEqual(warnings, [], 'the taken port was not tried');
});

test('an endpoint answers the leader only for names of this machine by default', async (t) => {
  const port = await freePort();
  const { endpoint } = endpointOf(t, { port, host: HOST });
  endpoint.publish();
  await endpoint.open();
  endpoint.publish();
  const ask = (host: string): Promise<string> =>
    rawClient(t, port).send('GET / HTTP/1.1', `Host: ${host}`, 'Connection: close', '').whole();
  assert.ok((await ask('localhost')).endsWith(POD_A));
  assert.match(await ask('rebound.example'), /^HTTP\/1\.1 403 /);
});

/**
 * An API server, or a load balancer before it, that answers only one request on each connection. Every Pod can still be
 * elected.
 */

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { LeaseElectorError } from '../../src/index.ts';
import { until } from '../worlds/until.ts';
import { TestCluster } from './cluster.ts';

/** The message that Node.js publishes when a server in this process has received the head of a request. */
interface Begun {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
}

/** The ways in which the server ends a connection. */
const ENDINGS: readonly { readonly how: string; readonly begin: (begun: Begun, used: WeakSet<Socket>) => void }[] = [
  {
    how: 'announces that',
    begin: ({ response }) => response.setHeader('connection', 'close'),
  },
  {
    how: 'does not announce that',
    begin: ({ response, socket }) => response.on('finish', () => socket.destroySoon()),
  },
  {
    how: 'closes it when the next request arrives, but executes that request',
    begin({ socket }, used) {
      if (used.has(socket)) socket.destroy();
      used.add(socket);
    },
  },
];

/** Calls `begin` for each request to a server of this process. */
function onEachRequest(t: TestContext, begin: (begun: Begun) => void): void {
  const listener = (message: unknown): void => begin(message as Begun);
  subscribe('http.server.request.start', listener);
  t.after(() => unsubscribe('http.server.request.start', listener));
}

function acceptNotReleased(error: unknown): void {
  assert.equal((error as LeaseElectorError).code, 'ERR_LEASE_ELECTOR_NOT_RELEASED');
}

for (const { how, begin } of ENDINGS) {
  test(`three Pods lead one after the other when the server ends each connection after one answer and ${how}`, async (t) => {
    const used = new WeakSet<Socket>();
    onEachRequest(t, (begun) => begin(begun, used));
    const cluster = await TestCluster.start(t);
    const pods = ['web-0', 'web-1', 'web-2'].map((name) => cluster.addPod(name));
    const electors = pods.map((pod) => cluster.elector(pod));
    await Promise.all(electors.map((elector) => elector.start()));
    for (let count = 0; count < pods.length; count += 1) {
      await until('a Pod leads', () => electors.some(({ isLeader }) => isLeader));
      const index = electors.findIndex(({ isLeader }) => isLeader);
      const [pod] = pods.splice(index, 1);
      const [elector] = electors.splice(index, 1);
      // The first leader releases the Lease, the others are deleted. If the answer to the release is lost, a successor
      // may be so fast that `stepDown()` cannot find out whether the Lease was released or taken.
      if (count === 0) await elector?.stepDown().catch(acceptNotReleased);
      await cluster.delete('pod', pod?.name ?? '');
      await elector?.stop();
    }
  });
}

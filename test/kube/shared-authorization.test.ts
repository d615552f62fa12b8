/**
 * Checks that credentials are requested once at a time, and that every wait has a limit.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Authorization } from '../../src/kube/authorization.ts';
import { connectToCluster } from '../../src/kube/connect.ts';
import type { Credentials } from '../../src/kube/credentials.ts';
import { HUNG_AFTER_TIMEOUTS, HUNG_LIMIT, SharedAuthorization } from '../../src/kube/shared-authorization.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { until } from '../worlds/until.ts';
import { failureOf, json, startStub } from './stub-server.ts';

const TIMEOUT_MS = 5_000;

/** A plug-in that answers when the test decides. */
interface PlugIn {
  readonly clock: ManualClock;
  readonly shared: SharedAuthorization;
  readonly asked: PromiseWithResolvers<Authorization>[];
  /** The number of times that its last answer was reported as refused. */
  readonly distrusts: () => number;
}

function startPlugIn(): PlugIn {
  const clock = new ManualClock();
  const asked: PromiseWithResolvers<Authorization>[] = [];
  let distrusts = 0;
  const credentials: Credentials = {
    server: { protocol: 'https:', hostname: 'h', port: 1, basePath: '' },
    defaultNamespace: () => null,
    authorize() {
      const answer = Promise.withResolvers<Authorization>();
      asked.push(answer);
      return answer.promise;
    },
    distrust() {
      distrusts += 1;
    },
  };
  const shared = new SharedAuthorization(credentials, TIMEOUT_MS, clock);
  return { clock, shared, asked, distrusts: () => distrusts };
}

function authorizationOf(token: string): Authorization {
  return { headers: { authorization: `Bearer ${token}` }, options: {}, proxyAgent: null };
}

/** The end of a wait in words. */
async function outcomeOf(wait: Promise<Authorization>): Promise<string> {
  return wait.then(
    ({ headers }) => headers['authorization'] ?? '',
    (error: Error) => error.message,
  );
}

test('all waiting requests share one run of the plug-in, and a later request starts another one', async () => {
  const { shared, asked, clock } = startPlugIn();
  const waits = [shared.get(), shared.get(), shared.get()].map(outcomeOf);
  assert.equal(asked.length, 1);
  asked[0]?.resolve(authorizationOf('a'));
  assert.deepEqual(await Promise.all(waits), ['Bearer a', 'Bearer a', 'Bearer a']);
  const next = outcomeOf(shared.get());
  asked[1]?.reject(new Error('log in first'));
  assert.equal(await next, 'log in first');
  assert.equal(clock.timers.size, 0);
});

test('each wait ends with the time-out, and the message names the plug-in', async () => {
  const { shared, clock } = startPlugIn();
  const first = outcomeOf(shared.get());
  clock.advance(TIMEOUT_MS / 2);
  const second = outcomeOf(shared.get());
  clock.advance(TIMEOUT_MS / 2);
  assert.match(await first, /credentials were not available within 5000 ms.*plug-in/);
  assert.equal(clock.timers.size, 1);
  clock.advance(TIMEOUT_MS / 2);
  assert.match(await second, /not available/);
});

test('a plug-in that hangs for a day is run a bounded number of times, and its late answer is used', async () => {
  const { shared, asked, clock } = startPlugIn();
  const dayMs = 24 * 3_600_000;
  for (let elapsedMs = 0; elapsedMs < dayMs; elapsedMs += TIMEOUT_MS) {
    const wait = outcomeOf(shared.get());
    if (elapsedMs < HUNG_AFTER_TIMEOUTS * TIMEOUT_MS) assert.equal(asked.length, 1, 'the plug-in may still answer');
    clock.advance(TIMEOUT_MS);
    assert.match(await wait, /not available/);
  }
  assert.equal(asked.length, HUNG_LIMIT);
  // Refused credentials do not raise the limit.
  shared.distrust(authorizationOf('refused'));
  const waiting = outcomeOf(shared.get());
  assert.equal(asked.length, HUNG_LIMIT);
  asked[HUNG_LIMIT - 1]?.resolve(authorizationOf('late'));
  assert.equal(await waiting, 'Bearer late');
});

test('a plug-in is run again when it has hung for exactly the limit', () => {
  const { shared, asked, clock } = startPlugIn();
  void outcomeOf(shared.get());
  clock.advance(HUNG_AFTER_TIMEOUTS * TIMEOUT_MS - 1);
  void outcomeOf(shared.get());
  assert.equal(asked.length, 1);
  clock.advance(1);
  void outcomeOf(shared.get());
  assert.equal(asked.length, 2);
});

test('a run that has answered does not count as hanging', async () => {
  const { shared, asked, clock } = startPlugIn();
  for (let run = 0; run < HUNG_LIMIT; run += 1) {
    const wait = shared.get();
    asked[run]?.resolve(authorizationOf('a'));
    await wait;
  }
  void outcomeOf(shared.get());
  clock.advance(HUNG_AFTER_TIMEOUTS * TIMEOUT_MS);
  void outcomeOf(shared.get());
  assert.equal(asked.length, HUNG_LIMIT + 2);
});

test('a newer run stays shared when an older run answers', async () => {
  const { shared, asked } = startPlugIn();
  const before = shared.get();
  shared.distrust(authorizationOf('refused'));
  const after = [shared.get()];
  asked[0]?.resolve(authorizationOf('old'));
  await before;
  after.push(shared.get());
  assert.equal(asked.length, 2);
  asked[1]?.resolve(authorizationOf('new'));
  assert.deepEqual(await Promise.all(after.map(outcomeOf)), ['Bearer new', 'Bearer new']);
});

test('a run that began before the credentials were refused is not shared afterwards', async () => {
  const { shared, asked } = startPlugIn();
  const before = outcomeOf(shared.get());
  shared.distrust(authorizationOf('refused'));
  const after = outcomeOf(shared.get());
  assert.equal(asked.length, 2);
  asked[1]?.resolve(authorizationOf('new'));
  assert.equal(await after, 'Bearer new');
  asked[0]?.resolve(authorizationOf('old'));
  assert.equal(await before, 'Bearer old');
});

test('an authorization that is refused for many requests is distrusted once, and a newer one again', async () => {
  const { shared, asked, distrusts } = startPlugIn();
  const first = shared.get();
  asked[0]?.resolve(authorizationOf('first'));
  const refused = await first;
  for (let request = 0; request < 100; request += 1) shared.distrust(refused);
  assert.equal(distrusts(), 1);
  const second = shared.get();
  assert.equal(asked.length, 2);
  asked[1]?.resolve(authorizationOf('second'));
  // A late refusal of the first authorization does not affect the second one.
  shared.distrust(refused);
  assert.equal(distrusts(), 1);
  for (let request = 0; request < 2; request += 1) shared.distrust(await second);
  assert.equal(distrusts(), 2);
});

test('the same authorization, read again, can be refused again', async () => {
  const { shared, asked, distrusts } = startPlugIn();
  const same = authorizationOf('same');
  for (let reading = 0; reading < 3; reading += 1) {
    const read = shared.get();
    asked[reading]?.resolve(same);
    shared.distrust(await read);
  }
  assert.equal(distrusts(), 3);
});

test('the output of a plug-in is not quoted when it is not JSON', async () => {
  const { shared, asked } = startPlugIn();
  const wait = outcomeOf(shared.get());
  asked[0]?.reject(new SyntaxError('Unexpected token in "token: secret"'));
  assert.equal(await wait, "the output of the kubeconfig's credential plug-in is not JSON");
});

test('requests, watches and the identification of the Pod end with the time-out when the plug-in hangs', async (t: TestContext) => {
  const stub = await startStub(t, (_, response) => json(response, 200, {}));
  let asked = 0;
  const clock = new ManualClock();
  const cluster = await connectToCluster({
    kubeConfig: {
      getCurrentContext: () => 'x',
      getContextObject: () => null,
      getCurrentCluster: () => ({ name: 'c', server: `https://127.0.0.1:${stub.port}` }),
      applyToHTTPSOptions() {
        asked += 1;
        return new Promise<void>(() => {});
      },
    },
    requestTimeoutMs: TIMEOUT_MS,
    clock,
    environment: {},
  });
  t.after(() => cluster.close());
  const ports = cluster.ports({ namespace: 'shop', lease: 'web' });
  let watchEnded = '';
  ports.leaseWatch.open('1', 300, {
    opened() {},
    event() {},
    ended: (failure) => {
      watchEnded = failure?.message ?? '';
    },
  });
  const failures = Promise.all([ports.lease.read(), ports.pod.read('web-0'), cluster.identify({})]);
  clock.advance(TIMEOUT_MS);
  for (const answer of await failures) {
    assert.equal(failureOf(answer).kind, 'unavailable');
    assert.match(failureOf(answer).message, /not available within 5000 ms/);
  }
  await until(() => watchEnded !== '');
  assert.match(watchEnded, /not available within 5000 ms/);
  assert.equal(asked, 1);
  assert.equal(stub.seen.length, 0);
  assert.equal(clock.timers.size, 0);
});

/**
 * Checks the behavior of an elector for its application: start, leadership, events and stop. The electors run in this
 * process with an embedded API server on a TLS socket. Scripted ports replace it when a rule would need a wait.
 */

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { LeaseElectorError, type LeaseElectorState, type Term } from '../src/index.ts';
import { LeaseElector } from '../src/lease-elector.ts';
import { DEFAULT_START_GRACE_MS } from '../src/options.ts';
import { promisesSettled, storedLease } from './driver/scripted-ports.ts';
import { fasterClock, journalOf, runtimeOf, TestCluster } from './integration/cluster.ts';
import { ALL_PERMISSIONS } from './worlds/permissions.ts';
import { OWN_POD, ScriptedElector } from './worlds/scripted-elector.ts';
import { until } from './worlds/until.ts';

/** The speed of the clock. The half minute of retries in start() takes about a second of real time. */
const SPEED = 25;

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
after(() => assert.deepEqual(unhandled, [], 'no rejection of an elector is unhandled'));

/** A promise that the test resolves. */
function gate(): { open: () => void; readonly passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, passed: promise };
}

describe('an elector', { concurrency: 4 }, () => {
  // Starting

  test('an elector emits its events in order when it is alone', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const terms: Term[] = [];
    const elector = cluster.elector(pod, { onElected: (term) => terms.push(term) });
    const journal = journalOf(elector);
    assert.deepEqual(
      [elector.state, elector.isLeader, elector.term, elector.leader],
      ['idle', false, undefined, undefined],
    );
    await elector.start();
    assert.deepEqual([elector.state, elector.isLeader], ['leader', true]);
    assert.deepEqual(journal, ['elected', 'leader: web-0']);
    await until('the work began', () => terms.length === 1);

    const [term] = terms;
    assert.equal(term, elector.term);
    assert.equal(term?.leaseUid, cluster.lease()?.metadata.uid);
    assert.equal(term?.resumed, false);
    assert.equal(term?.signal.aborted, false);
    assert.equal(typeof term?.fencingToken, 'bigint');
    assert.equal(cluster.ownerUid(), pod.uid);
    assert.deepEqual([elector.leader?.name, elector.leader?.uid], ['web-0', pod.uid]);
    assert.equal(elector.leader?.since?.getTime(), term?.acquireTime.getTime());
  });

  test('the fencing token is the resourceVersion of the write that began the term', async (t) => {
    const cluster = await TestCluster.start(t);
    const written: string[] = [];
    cluster.server.onWrite(({ resource, resourceVersion }) => {
      if (resource === 'leases') written.push(resourceVersion);
    });
    const elector = cluster.elector(cluster.addPod('web-0'));
    await elector.start();
    await until('the leader has renewed', () => written.length > 1);
    assert.equal(String(elector.term?.fencingToken), written[0]);
  });

  test('a second elector reports the leader when it starts', async (t) => {
    const cluster = await TestCluster.start(t);
    const first = cluster.elector(cluster.addPod('web-0'));
    await first.start();
    const second = cluster.elector(cluster.addPod('web-1'));
    const journal = journalOf(second);
    await second.start();
    assert.deepEqual(journal, ['leader: web-0']);
    assert.deepEqual([second.state, second.isLeader, second.leader?.name], ['candidate', false, 'web-0']);
    await until('the second elector has observed a renewal', () => second.leader?.renewTimeAgeMs != null);
    await assert.rejects(second.stepDown(), { code: 'ERR_LEASE_ELECTOR_NOT_LEADER' });
  });

  test('start() returns the same promise when it is called twice', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'));
    const journal = journalOf(elector);
    const started = elector.start();
    assert.equal(elector.start(), started);
    await started;
    assert.equal(elector.start(), started);
    assert.deepEqual(journal, ['elected', 'leader: web-0']);
  });

  test('the name of the Lease comes from the option, then from $NAIS_APP_NAME, then from the labels of the Pod', async (t) => {
    const cluster = await TestCluster.start(t);
    const labelled = cluster.addPod('web-0', { labels: { app: 'by-label' } });
    const environments = [{ NAIS_APP_NAME: 'by-environment' }, {}];
    for (const environment of environments) {
      const runtime = runtimeOf({ ...labelled.environment, ...environment });
      const elector = new LeaseElector({ serviceAccountDirectory: labelled.directory }, runtime);
      await elector.start();
      await elector.stop();
    }
    assert.equal(cluster.ownerUid('by-environment'), labelled.uid);
    assert.equal(cluster.ownerUid('by-label'), labelled.uid);
  });

  test('an elector is a sibling when another elector of its process has the same Lease', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const first = cluster.elector(pod);
    await first.start();
    const second = cluster.elector(pod);
    const journal = journalOf(second);
    await second.start();
    assert.deepEqual([second.state, second.isLeader, second.leader?.uid], ['sibling', false, pod.uid]);
    await first.stop();
    await until('the sibling leads', () => second.isLeader);
    assert.deepEqual(journal, ['leader: web-0', 'elected again']);
  });

  // A failed start

  test('start() rejects at once when there is no cluster', async () => {
    const elector = new LeaseElector({ lease: 'web' }, runtimeOf({}));
    await assert.rejects(elector.start(), {
      code: 'ERR_LEASE_ELECTOR_NO_CLUSTER',
      message: /LEASE_ELECTOR_LOCAL=leader or the option `local: true`/,
    });
    assert.equal(elector.state, 'stopped');
    await elector.stop();
  });

  test('start() rejects at once when the token is missing or empty', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    writeFileSync(join(pod.directory, 'token'), '\n');
    await assert.rejects(cluster.elector(pod).start(), { code: 'ERR_LEASE_ELECTOR_CREDENTIALS', message: /is empty/ });
    rmSync(join(pod.directory, 'token'));
    await assert.rejects(cluster.elector(pod).start(), {
      code: 'ERR_LEASE_ELECTOR_CREDENTIALS',
      message: /automountServiceAccountToken/,
    });
  });

  test('start() rejects at once when the Lease has no name, and the constructor throws when the name is invalid', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const nameless = new LeaseElector({ serviceAccountDirectory: pod.directory }, runtimeOf(pod.environment));
    await assert.rejects(nameless.start(), { code: 'ERR_LEASE_ELECTOR_IDENTITY', message: /NAIS_APP_NAME/ });
    assert.throws(() => cluster.elector(pod, { lease: 'Web_1' }), {
      code: 'ERR_LEASE_ELECTOR_OPTION',
      message: /options\.lease must be .* but is "Web_1"/,
    });
  });

  test('start() rejects with an identity error when its Pod does not exist', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const elector = cluster.elector(pod, { pod: { name: 'somebody-else' } });
    await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_IDENTITY', message: /no Pod "somebody-else"/ });
  });

  for (const [verb, leases, warning] of [
    ['list', ['get', 'watch', 'create', 'update', 'delete'], 'read-forbidden'],
    ['create', ['get', 'list', 'watch', 'update', 'delete'], 'create-forbidden'],
  ] as const) {
    test(`start() warns, and rejects with the rule after the grace period, when ${verb} on leases is missing`, async (t) => {
      const cluster = await TestCluster.start(t, { permissions: { ...ALL_PERMISSIONS, leases } });
      const clock = fasterClock(SPEED);
      const elector = cluster.elector(cluster.addPod('web-0'), {}, { clock });
      const journal = journalOf(elector);
      const startedAtMs = clock.nowMs();
      await assert.rejects(elector.start(), {
        code: 'ERR_LEASE_ELECTOR_FORBIDDEN',
        message: new RegExp(`Grant \`${verb}\` on leases\\.coordination\\.k8s\\.io in namespace "shop"`),
      });
      assert.ok(clock.nowMs() - startedAtMs >= DEFAULT_START_GRACE_MS);
      assert.equal(elector.state, 'stopped');
      assert.deepEqual(journal, [`warning: ${warning}`, 'stopped']);
    });
  }

  test('start() rejects after the grace period when its token is refused', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const token = cluster.server.issueToken({
      namespace: 'shop',
      serviceAccountName: 'web',
      pod: { name: pod.name, uid: 'uid-of-a-pod-that-is-gone' },
    });
    writeFileSync(join(pod.directory, 'token'), token);
    const clock = fasterClock(SPEED);
    const startedAtMs = clock.nowMs();
    await assert.rejects(cluster.elector(pod, {}, { clock }).start(), {
      code: 'ERR_LEASE_ELECTOR_UNAUTHORIZED',
      message: /does not accept the token/,
    });
    assert.ok(clock.nowMs() - startedAtMs >= DEFAULT_START_GRACE_MS);
  });

  test('start() rejects at once when the authority of the server certificate is unknown', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    writeFileSync(join(pod.directory, 'ca.crt'), SOME_OTHER_CA);
    await assert.rejects(cluster.elector(pod).start(), {
      code: 'ERR_LEASE_ELECTOR_UNTRUSTED',
      message: /is not trusted/,
    });
  });

  test('start() waits when the server cannot be reached', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    await cluster.embedded.stopServer();
    const elector = cluster.elector(pod);
    const started = elector.start();
    await until('the elector has sent requests for a while', () => elector.unverifiedForMs > 100);
    assert.deepEqual([elector.state, elector.isLeader, elector.leader], ['starting', false, undefined]);
    await cluster.embedded.restartServer();
    await started;
    assert.equal(elector.isLeader, true);
  });

  test('start() waits when the server is needed for the identity and cannot be reached', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0', { labels: { app: 'shop' } });
    await cluster.embedded.stopServer();
    const elector = new LeaseElector({ serviceAccountDirectory: pod.directory }, runtimeOf(pod.environment));
    t.after(() => elector.stop());
    const started = elector.start();
    await until('the elector has sent requests for a while', () => elector.unverifiedForMs > 100);
    await cluster.embedded.restartServer();
    await started;
    assert.equal(cluster.ownerUid('shop'), pod.uid);
  });

  // Stopping

  test('an elector can be stopped before its start, and cannot be started after that', async () => {
    const elector = new LeaseElector({ lease: 'web' });
    const journal = journalOf(elector);
    await elector.stop();
    assert.deepEqual(journal, ['stopped']);
    assert.equal(elector.state, 'stopped');
    await assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
    await elector.stop();
    assert.deepEqual(journal, ['stopped']);
  });

  test('stop() ends start() when the server cannot be reached', async (t) => {
    const cluster = await TestCluster.start(t);
    const pods = [cluster.addPod('web-0'), cluster.addPod('web-1', { labels: { app: 'shop' } })];
    await cluster.embedded.stopServer();
    const electors = [
      cluster.elector(pods[0] as NonNullable<(typeof pods)[0]>),
      new LeaseElector({ serviceAccountDirectory: pods[1]?.directory ?? '' }, runtimeOf(pods[1]?.environment ?? {})),
    ];
    for (const elector of electors) {
      const started = elector.start();
      await until('the elector has sent requests for a while', () => elector.unverifiedForMs > 50);
      const rejected = assert.rejects(started, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
      await elector.stop();
      await rejected;
      assert.equal(elector.state, 'stopped');
    }
  });

  test('stop() leaves no Lease and no connection when it follows start() at once', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'));
    const journal = journalOf(elector);
    const started = elector.start();
    await elector.stop();
    await assert.rejects(started, { code: 'ERR_LEASE_ELECTOR_STOPPED' });
    assert.deepEqual(journal, ['stopped']);
    assert.equal(cluster.lease(), undefined);
  });

  test('an elector sends no more requests when it is stopped during the connection', async (t) => {
    const cluster = await TestCluster.start(t);
    const { directory, environment } = cluster.addPod('web-0', { labels: { app: 'shop' } });
    const runtime = runtimeOf(environment);
    const connecting = gate();
    const calls: string[] = [];
    const elector = new LeaseElector(
      { serviceAccountDirectory: directory },
      {
        ...runtime,
        connect: async (options) => {
          await connecting.passed;
          const connected = await runtime.connect(options);
          return {
            ...connected,
            identify: (asked) => {
              calls.push('identify');
              return connected.identify(asked);
            },
            close: () => calls.push('close'),
          };
        },
      },
    );
    const rejected = assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
    await elector.stop();
    await rejected;
    connecting.open();
    await until('the connections are closed', () => calls.includes('close'));
    assert.deepEqual(calls, ['close']);
  });

  test('stop() returns the same promise when it is called again', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'));
    await elector.start();
    const stopped = elector.stop();
    assert.equal(elector.stop(), stopped);
    assert.equal(elector[Symbol.asyncDispose](), stopped);
    await stopped;
    assert.equal(elector.stop(), stopped);
  });

  test('an elector stops when its signal is aborted before, during or after the start', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');

    const aborted = cluster.elector(pod, { signal: AbortSignal.abort() });
    await assert.rejects(aborted.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });

    const during = new AbortController();
    const starting = cluster.elector(pod, { signal: during.signal });
    const started = starting.start();
    during.abort();
    await assert.rejects(started, { code: 'ERR_LEASE_ELECTOR_STOPPED' });

    const later = new AbortController();
    const leading = cluster.elector(pod, { signal: later.signal });
    const journal = journalOf(leading);
    await leading.start();
    later.abort();
    assert.deepEqual([leading.state, leading.isLeader], ['stopped', false]);
    await leading.stop();
    assert.deepEqual(journal, ['elected', 'leader: web-0', 'demoted: stopped', 'stopped']);
  });

  test('a stopped leader keeps its Lease, and resumes its term when it starts again', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const first = cluster.elector(pod);
    await first.start();
    const term = first.term as Term;
    await first[Symbol.asyncDispose]();
    assert.equal(cluster.ownerUid(), pod.uid);

    const second = cluster.elector(pod);
    await second.start();
    assert.equal(second.term?.resumed, true);
    assert.equal(second.term?.leaseUid, term.leaseUid);
    assert.equal(second.term?.acquireTime.getTime(), term.acquireTime.getTime());
    assert.ok((second.term?.fencingToken ?? 0n) > term.fencingToken);
  });

  test('another elector leads at once when the leader calls stop({ release: true })', async (t) => {
    const cluster = await TestCluster.start(t);
    const first = cluster.elector(cluster.addPod('web-0'));
    const second = cluster.elector(cluster.addPod('web-1'));
    const journal = journalOf(second);
    await first.start();
    await second.start();
    const token = first.term?.fencingToken ?? 0n;
    await first.stop({ release: true });
    await until('the other leads', () => second.isLeader);
    assert.ok((second.term?.fencingToken ?? 0n) > token);
    assert.deepEqual(journal, ['leader: web-0', 'leader: nobody', 'elected', 'leader: web-1']);
  });

  test('an elector releases the Lease and stays a candidate when it calls stepDown()', async (t) => {
    const cluster = await TestCluster.start(t);
    const first = cluster.elector(cluster.addPod('web-0'));
    const second = cluster.elector(cluster.addPod('web-1'));
    const journal = journalOf(first);
    await first.start();
    await second.start();
    const term = first.term as Term;
    const steppedDown = first.stepDown();
    assert.equal(first.isLeader, false, 'at once');
    assert.equal(term.signal.aborted, true);
    assert.equal(first.stepDown(), steppedDown, 'a second call during the step-down returns the same promise');
    await steppedDown;
    await assert.rejects(first.stepDown(), { code: 'ERR_LEASE_ELECTOR_NOT_LEADER' });
    await until('the other leads', () => second.isLeader && first.leader?.name === 'web-1');
    assert.equal(first.state, 'candidate');
    assert.deepEqual(journal, ['elected', 'leader: web-0', 'demoted: stepped-down', 'leader: nobody', 'leader: web-1']);
  });

  test('stepDown() rejects, and the elector leads again, when it is not permitted to delete', async (t) => {
    const cluster = await TestCluster.start(t, {
      permissions: { ...ALL_PERMISSIONS, leases: ['get', 'list', 'watch', 'create', 'update'] },
    });
    const pod = cluster.addPod('web-0');
    const elector = cluster.elector(pod);
    const journal = journalOf(elector);
    await elector.start();
    const error = await elector.stepDown().catch((reason: LeaseElectorError) => reason);
    assert.equal(error?.code, 'ERR_LEASE_ELECTOR_NOT_RELEASED');
    assert.equal(error?.failureKind, 'forbidden');
    assert.deepEqual(error?.missingRule, {
      verb: 'delete',
      apiGroup: 'coordination.k8s.io',
      resource: 'leases',
      namespace: 'shop',
    });
    await until('the elector leads again', () => elector.isLeader);
    assert.equal(cluster.ownerUid(), pod.uid);
    assert.ok(journal.includes('warning: delete-forbidden'));
    assert.equal(cluster.lease()?.metadata.annotations?.['lease-elector/released'], undefined);
  });

  // The work

  test('stop() waits for the work for at most drainTimeoutMs', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const work = gate();
    const patient = cluster.elector(pod, { onElected: () => work.passed });
    await patient.start();
    let stopped = false;
    const stopping = patient.stop().then(() => {
      stopped = true;
    });
    await until('there was time for some renewals', () => cluster.requests.length > 0);
    assert.equal(stopped, false);
    work.open();
    await stopping;

    const impatient = cluster.elector(pod, { onElected: () => new Promise(() => undefined), drainTimeoutMs: 30 });
    await impatient.start();
    await impatient.stop();
    assert.equal(impatient.state, 'stopped');
  });

  test('stop() ends within drainTimeoutMs when onElected awaits it', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector: LeaseElector = cluster.elector(cluster.addPod('web-0'), {
      drainTimeoutMs: 50,
      onElected: async () => elector.stop(),
    });
    const journal = journalOf(elector);
    await elector.start();
    await until('the elector has stopped', () => journal.includes('stopped'));
    assert.deepEqual(journal, ['elected', 'leader: web-0', 'demoted: stopped', 'warning: work-not-drained', 'stopped']);
  });

  test('stop() and stepDown() run after the listeners when a listener calls them', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'));
    const journal = journalOf(elector);
    elector.once('elected', () => void elector.stepDown());
    elector.once('demoted', () => void elector.stop());
    await elector.start();
    await elector.stop();
    assert.deepEqual(journal, ['elected', 'leader: web-0', 'demoted: stepped-down', 'leader: nobody', 'stopped']);
  });

  for (const [how, onElected] of [
    [
      'throws',
      () => {
        throw new Error('the work failed');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('the work failed'))],
  ] as const) {
    test(`an elector emits an error and stays leader when its work ${how}`, async (t) => {
      const cluster = await TestCluster.start(t);
      const elector = cluster.elector(cluster.addPod('web-0'), { onElected });
      const errors: LeaseElectorError[] = [];
      elector.on('error', (error) => errors.push(error));
      await elector.start();
      await until('the error is emitted', () => errors.length > 0);
      const [error] = errors;
      assert.ok(error instanceof LeaseElectorError);
      assert.equal(error.code, 'ERR_LEASE_ELECTOR_CALLBACK');
      assert.equal((error.cause as Error).message, 'the work failed');
      assert.equal(elector.isLeader, true);
    });
  }

  test('an elector stays leader when its work fails without an error listener', async (t) => {
    const cluster = await TestCluster.start(t);
    let failed = false;
    const elector = cluster.elector(cluster.addPod('web-0'), {
      onElected: () => {
        failed = true;
        throw new Error('the work failed');
      },
    });
    await elector.start();
    await until('the work has failed', () => failed);
    assert.equal(elector.isLeader, true);
  });

  test('the next term and stop() wait when the work of an ended term continues', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const work = gate();
    let running = 0;
    let most = 0;
    const elector = cluster.elector(pod, {
      drainTimeoutMs: 100_000,
      onElected: async () => {
        running += 1;
        most = Math.max(most, running);
        await work.passed;
        running -= 1;
      },
    });
    const journal = journalOf(elector);
    await elector.start();
    await until('the work began', () => running === 1);
    // The Lease is given to another Pod by hand, and given back.
    const { name, uid } = cluster.addPod('web-1');
    await cluster.patch('lease', 'web', {
      metadata: { ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name, uid }] },
    });
    await until('the leader is demoted', () => journal.includes('demoted: usurped'));
    let stopped = false;
    const stopping = elector.stop().then(() => {
      stopped = true;
    });
    await until('it stops', () => elector.state === 'stopped');
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => process.nextTick(resolve));
    assert.deepEqual([stopped, running], [false, 1], 'stop() waits for the work of the ended term');
    work.open();
    await stopping;
    assert.deepEqual([running, most], [0, 1]);
  });

  // Events

  test('term.signal is aborted with a reason before demoted is emitted', async (t) => {
    const cluster = await TestCluster.start(t);
    const seen: unknown[] = [];
    let began = false;
    const elector = cluster.elector(cluster.addPod('web-0'), {
      onElected: (term) => {
        began = true;
        term.signal.addEventListener('abort', () => seen.push(['abort', elector.isLeader, elector.term]));
      },
    });
    elector.on('demoted', (term, reason) => {
      const cause: unknown = term.signal.reason;
      assert.ok(cause instanceof LeaseElectorError);
      seen.push(['demoted', term.signal.aborted, cause.code, cause.message, reason]);
    });
    await elector.start();
    await until('the work began', () => began);
    const term = elector.term as Term;
    await elector.stop();
    assert.deepEqual(seen, [
      ['abort', false, undefined],
      ['demoted', true, 'ERR_LEASE_ELECTOR_NOT_LEADER', 'This process no longer leads: stopped.', 'stopped'],
    ]);
    assert.equal(term.signal.aborted, true);
  });

  test('each demoted follows an elected of the same term when there are many terms', async (t) => {
    const cluster = await TestCluster.start(t);
    const electors = ['web-0', 'web-1', 'web-2'].map((name) => cluster.elector(cluster.addPod(name)));
    const terms: { elector: LeaseElector; term: Term }[] = [];
    let open = 0;
    for (const elector of electors) {
      elector.on('elected', (term) => {
        open += 1;
        assert.equal(open, 1, 'never two');
        const before = terms.at(-1)?.term.fencingToken ?? 0n;
        assert.ok(term.fencingToken > before, 'tokens grow');
        terms.push({ elector, term });
      });
      elector.on('demoted', (term) => {
        open -= 1;
        assert.equal(terms.at(-1)?.term, term);
        assert.equal(terms.at(-1)?.elector, elector);
      });
      elector.on('error', (error) => assert.fail(error));
    }
    await Promise.all(electors.map((elector) => elector.start()));
    for (let round = 1; round <= 2; round += 1) {
      await until(`term ${round} begins`, () => terms.length === round && open === 1);
      await terms.at(-1)?.elector.stepDown();
    }
    await until('the last begins', () => terms.length === 3);
    // Only the last one that stepped down still pauses. The pause of the first ended with the second term.
    for (const [index, { elector }] of terms.entries()) {
      assert.notEqual(elector, terms[index - 1]?.elector, 'the others campaign first after a step-down');
    }
  });

  test('an elector works as before when its listeners throw or reject', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'));
    let told = 0;
    const causes: unknown[] = [];
    const names = ['elected', 'demoted', 'leaderChanged', 'renewed', 'stopped'] as const;
    for (const [index, name] of names.entries()) {
      elector.on(name, () => {
        told += 1;
        throw new Error(name);
      });
      if (index % 2 === 0) elector.on(name, async () => Promise.reject(new Error(`later ${name}`)));
    }
    elector.on('error', (error) => causes.push((error.cause as Error).message));
    elector.on('error', async () => Promise.reject(new Error('the error listener failed as well')));
    elector.on('error', () => {
      throw new Error('the error listener failed as well');
    });
    await elector.start();
    await until('the leader has renewed', () => causes.includes('renewed'));
    assert.equal(elector.isLeader, true);
    await elector.stop();
    assert.ok(told >= 5);
    for (const cause of ['elected', 'later elected', 'leaderChanged', 'later leaderChanged', 'demoted']) {
      assert.ok(causes.includes(cause), cause);
    }
    assert.ok(!causes.includes('the error listener failed as well'));
  });

  test('each elector emits renewed once for each renewal', async (t) => {
    const cluster = await TestCluster.start(t);
    const written: number[] = [];
    cluster.server.onWrite(({ resource, type, resourceVersion }) => {
      if (resource === 'leases' && type === 'MODIFIED') written.push(Number(resourceVersion));
    });
    const electors = ['web-0', 'web-1'].map((name) => cluster.elector(cluster.addPod(name)));
    const counts = [0, 0];
    for (const [index, elector] of electors.entries()) {
      elector.on('renewed', (leader) => {
        counts[index] = (counts[index] ?? 0) + 1;
        assert.ok((leader.renewTimeAgeMs ?? -1) >= 0);
      });
    }
    await electors[0]?.start();
    await electors[1]?.start();
    await until('three renewals were seen', () => Math.min(...counts) >= 3);
    const seen = Math.max(...counts);
    assert.ok(seen <= written.length, `${seen} emitted, ${written.length} written`);
  });

  test('unverifiedForMs grows and the leader continues to lead when the API cannot be reached', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'));
    const journal = journalOf(elector);
    assert.equal(elector.unverifiedForMs, 0, 'before the start');
    await elector.start();
    await cluster.embedded.stopServer();
    await until('unverifiedForMs has grown', () => elector.unverifiedForMs > 600);
    assert.equal(elector.isLeader, true);
    await cluster.embedded.restartServer();
    await until('unverifiedForMs has shrunk', () => elector.unverifiedForMs < 200);
    assert.equal(elector.isLeader, true);
    assert.deepEqual(journal, ['elected', 'leader: web-0']);
  });

  test('an elector emits no event after stop() has resolved', async (t) => {
    const cluster = await TestCluster.start(t);
    const pod = cluster.addPod('web-0');
    const elector = cluster.elector(pod);
    const other = cluster.elector(cluster.addPod('web-1'));
    const journal = journalOf(other);
    const calls: string[] = [];
    await elector.start();
    await other.start();
    await other.stop();
    assert.equal(journal.at(-1), 'stopped');
    const lines = journal.length;
    for (const name of [
      'elected',
      'demoted',
      'leaderChanged',
      'renewed',
      'stale',
      'warning',
      'error',
      'stopped',
    ] as const) {
      other.on(name, () => calls.push(name));
    }
    const { length } = cluster.requests;
    await elector.stop({ release: true });
    await cluster.delete('pod', 'web-0');
    const watcher = cluster.elector(cluster.addPod('web-2'));
    await watcher.start();
    await until('the leader has renewed', () => watcher.leader?.renewTimeAgeMs != null);
    assert.deepEqual(calls, []);
    assert.equal(journal.length, lines);
    assert.ok(
      ![...cluster.requests].slice(length).some(({ name }) => name === 'web-1'),
      'the elector sends no request',
    );
  });

  test('the properties do not throw in any state', async (t) => {
    const cluster = await TestCluster.start(t);
    const states = new Set<LeaseElectorState>();
    const look = (elector: LeaseElector): void => {
      states.add(elector.state);
      const { isLeader, term, leader, unverifiedForMs } = elector;
      assert.equal(typeof isLeader, 'boolean');
      assert.equal(isLeader, term !== undefined);
      assert.ok(leader === undefined || typeof leader.name === 'string');
      assert.ok(unverifiedForMs >= 0 && Number.isFinite(unverifiedForMs));
    };
    const pod = cluster.addPod('web-0');
    const [leader, sibling] = [cluster.elector(pod), cluster.elector(pod)];
    const candidate = cluster.elector(cluster.addPod('web-1'));
    const failing = cluster.elector(pod, { pod: { name: 'nobody' } });
    const electors = [leader, sibling, candidate, failing];
    for (const elector of electors) look(elector);
    const started = leader.start();
    look(leader);
    await started;
    await sibling.start();
    await candidate.start();
    await assert.rejects(failing.start());
    for (const elector of electors) look(elector);
    for (const elector of electors) {
      const stopping = elector.stop();
      look(elector);
      await stopping;
      look(elector);
    }
    assert.deepEqual([...states].sort(), ['candidate', 'idle', 'leader', 'sibling', 'starting', 'stopped']);
  });
});

// A defect

test('an elector is demoted, emits an error and stops, and keeps the Lease, when it has a defect', async () => {
  const scripted = new ScriptedElector();
  const { world, clock, elector, journal } = scripted;
  const causes: unknown[] = [];
  elector.on('error', (error) => causes.push(error.cause, elector.isLeader, elector.term));
  const term = await scripted.lead();

  const defect = new Error('a port that throws, which is not allowed');
  world.throwing = { call: 'replace lease', error: defect };
  clock.advance(10_000);
  assert.deepEqual(causes, [defect, false, undefined], 'the elector does not lead when it emits the error');
  assert.equal(term.signal.aborted, true);
  assert.deepEqual(journal, [
    'elected',
    'leader: web-0',
    'demoted: invariant',
    'error: ERR_LEASE_ELECTOR_INVARIANT',
    'stopped',
  ]);
  await promisesSettled();
  assert.equal(world.lockIsFree, true, 'another elector of this process may campaign');
  await elector.stop();
  assert.equal(elector.state, 'stopped');
  assert.ok(!world.calls.includes('delete lease'));
  assert.equal(clock.timers.size, 0);
});

test('an elector keeps the sibling lock after a defect when its work may still run', async () => {
  const end = Promise.withResolvers<void>();
  const scripted = new ScriptedElector({ onElected: () => end.promise });
  const { world, clock, elector } = scripted;
  elector.on('error', () => undefined);
  await scripted.lead();
  world.throwing = { call: 'replace lease', error: new Error('a port that throws') };
  clock.advance(10_000);
  await elector.stop();
  await promisesSettled();
  assert.equal(world.lockIsFree, false);
  end.resolve();
  await promisesSettled();
  assert.equal(world.lockIsFree, true);
});

test('start() rejects with the defect when a defect ends it', async () => {
  const { world, elector } = new ScriptedElector();
  elector.on('error', () => undefined);
  const started = elector.start();
  await promisesSettled();
  const defect = new Error('a port that throws, which is not allowed');
  world.throwing = { call: 'read pod web-0', error: defect };
  world.reportLock('held');
  world.take('list lease').succeed({ items: [], resourceVersion: '10' });
  await assert.rejects(started, { code: 'ERR_LEASE_ELECTOR_INVARIANT', cause: defect });
});

// The first renewal

/** An elector that has just been elected, with the record of its work. */
async function justElected(
  writesAtOnce: boolean,
  listsPods: boolean = false,
): Promise<{ scripted: ScriptedElector; calls: string[] }> {
  const calls: string[] = [];
  const scripted = new ScriptedElector({ onElected: () => calls.push('work') });
  if (listsPods) scripted.world.listsApplication();
  scripted.world.writesAtOnce = writesAtOnce;
  void scripted.elector.start();
  await promisesSettled();
  await scripted.shown(null);
  scripted.world.take('read pod web-0').succeed(OWN_POD);
  await promisesSettled();
  const { content, succeed } = scripted.world.take('create lease');
  assert.ok(content);
  succeed(storedLease(content, 11));
  await promisesSettled();
  assert.equal(scripted.elector.isLeader, true, 'leadership does not wait for the renewal');
  assert.deepEqual(calls, []);
  return { scripted, calls };
}

test('the work begins when the first renewal is written to its socket, and needs no answer', async () => {
  const { scripted, calls } = await justElected(true);
  scripted.clock.advance(0);
  assert.ok(scripted.world.calls.includes('replace lease'));
  await promisesSettled();
  assert.deepEqual(calls, ['work']);
});

test('the work begins after a second when the connection is stuck', async () => {
  const { scripted, calls } = await justElected(false);
  scripted.clock.advance(0);
  await promisesSettled();
  scripted.clock.advance(999);
  await promisesSettled();
  assert.deepEqual(calls, []);
  scripted.clock.advance(1);
  await promisesSettled();
  assert.deepEqual(calls, ['work']);
});

test('a leader lists the Pods of its application once its first renewal was written', async () => {
  const { scripted } = await justElected(false, true);
  assert.ok(!scripted.world.calls.includes('list application'), 'a list would occupy the connection of the renewal');
  scripted.clock.advance(0);
  await promisesSettled();
  assert.ok(scripted.world.calls.includes('replace lease'));
  assert.ok(!scripted.world.calls.includes('list application'));
  scripted.world.take('replace lease').fail('unavailable');
  await promisesSettled();
  assert.ok(scripted.world.calls.includes('list application'));
});

test('a term that ends before its first renewal was written lists no Pods afterwards', async () => {
  const { scripted } = await justElected(false, true);
  const stopped = scripted.elector.stop();
  await promisesSettled();
  // A leaving leader lists the Pods once.
  scripted.world.take('list application').fail('unavailable');
  await promisesSettled();
  scripted.world.take('read pod web-0').succeed(OWN_POD);
  await stopped;
  scripted.run(2);
  await promisesSettled();
  assert.equal(scripted.world.calls.filter((call) => call === 'list application').length, 1);
});

test('the work begins when the first renewal is answered', async () => {
  const { scripted, calls } = await justElected(false);
  scripted.clock.advance(0);
  scripted.world.take('replace lease').fail('unavailable');
  await promisesSettled();
  assert.deepEqual(calls, ['work']);
});

test('no work begins when the term ends before the first renewal', async () => {
  const { scripted, calls } = await justElected(false);
  const stopped = scripted.elector.stop();
  await promisesSettled();
  scripted.world.take('read pod web-0').succeed(OWN_POD);
  await stopped;
  scripted.run(2);
  await promisesSettled();
  assert.deepEqual(calls, []);
  assert.equal(scripted.clock.timers.size, 0);
});

// A server that does not answer

test('an elector closes all connections when it stops with requests under way', async (t) => {
  const cluster = await TestCluster.start(t, { garbageCollectionDelayMs: 60_000 });
  const leader = cluster.elector(cluster.addPod('web-0'));
  await leader.start();
  const candidate = cluster.elector(cluster.addPod('web-1'), { requestTimeoutMs: 60_000 });
  await candidate.start();
  const watches = (): number => cluster.requests.count({ verb: 'watch', resource: 'pods' });
  await until('both watch the Pod of the leader', () => watches() >= 2);
  await leader.stop();
  const silence = cluster.faults.delay({ ms: 600_000, verb: 'get', resource: 'pods' });
  cluster.faults.delay({ ms: 600_000 });
  await cluster.delete('pod', 'web-0');
  // The DELETE of the old Lease is sent at the same time.
  await until('the candidate reads its Pod', () => silence.hits > 0);
  await candidate.stop();
  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  await until('no connection is left', () => sockets() === 0);
});

test('stop() resolves, and the process can end, when a server accepts connections and never answers', async (t) => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('close', () => sockets.delete(socket))
      .on('error', () => undefined)
      .resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const { port } = silent.address() as AddressInfo;
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0', { labels: { app: 'shop' } });
  const runtime = runtimeOf({ ...pod.environment, KUBERNETES_SERVICE_PORT: String(port) });
  for (const options of [{}, { lease: 'web' }]) {
    const elector = new LeaseElector(
      { serviceAccountDirectory: pod.directory, requestTimeoutMs: 60_000, ...options },
      runtime,
    );
    const rejected = assert.rejects(elector.start(), { code: 'ERR_LEASE_ELECTOR_STOPPED' });
    await until('the elector has opened a connection', () => sockets.size > 0);
    await elector.stop();
    await rejected;
    await until('its connections are closed', () => sockets.size === 0);
  }
});

const SOME_OTHER_CA = `-----BEGIN CERTIFICATE-----
MIIBdjCCAR2gAwIBAgIUR3PO6FkezljK1ZKcr1ah0/qQnt4wCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFb3RoZXIwIBcNMjYxMTIyMTg1NzM1WhgPMjA4MTA4MjUxODU3
MzVaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
afxnBfn0Qx8GsvFPf3F1m/KZtCa8r91NWXVIP/Lm024XlFWmbUo2sN5DZRZjOKK1
jz1Yoi4YHDSxeQcV1wwflaNTMFEwHQYDVR0OBBYEFHwDvwZy1NHrLhceYQkrX8Vq
Omr0MB8GA1UdIwQYMBaAFHwDvwZy1NHrLhceYQkrX8VqOmr0MA8GA1UdEwEB/wQF
MAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgC6VgCCzqNs3jVk9SpcbsxE/a0cZ6nik1
VFainj8LpjsCIBin+1UwtmxoB3I4bK9P3qeQnwjHSN+A1dJAyJ2eRYw3
-----END CERTIFICATE-----
`;

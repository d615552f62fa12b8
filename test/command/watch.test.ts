/**
 * `lease-elector watch`: the events of elections, the feed that they come from, and the output on a terminal.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ElectionEvent, ElectionLog, KEPT_ENDED } from '../../src/command/election-log.ts';
import {
  LeaseFeed,
  type LeaseFeedSink,
  LIST_PAUSE_MS,
  WATCH_SECONDS,
  WATCH_SLACK_MS,
} from '../../src/command/lease-feed.ts';
import { LiveTable } from '../../src/command/live-table.ts';
import { changeLine } from '../../src/command/watch.ts';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { WatchPort, WatchSink } from '../../src/driver/ports.ts';
import type { NamedLease } from '../../src/kube/lease-list.ts';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { createLease, fileOf, kubeconfigWith, run } from './on-call.ts';

function leaseOf(clock: ManualClock, more: Partial<LeaseRecord> & { readonly pod: string }): NamedLease {
  const { pod, ...rest } = more;
  const lease: LeaseRecord = {
    uid: `lease-of-${pod}`,
    resourceVersion: '10',
    holderIdentity: pod,
    owner: { name: pod, uid: `uid-of-${pod}` },
    acquireTimeMs: clock.wallMs(),
    renewTimeMs: clock.wallMs(),
    leaseDurationSeconds: 30,
    leaseTransitions: 0,
    releasedBy: null,
    terminating: false,
    finalizers: [],
    source: null,
    ...rest,
  };
  return { namespace: 'shop', name: 'web', lease };
}

function logOf(): { log: ElectionLog; clock: ManualClock; lines: () => readonly string[] } {
  const clock = new ManualClock();
  const events: ElectionEvent[] = [];
  const log = new ElectionLog(clock, (event) => events.push(event));
  const lines = (): readonly string[] =>
    events
      .splice(0)
      .map(({ change, holder, previousHolder, fencingToken, tokenIsExact }) =>
        [change, holder ?? '-', previousHolder ?? '-', `${tokenIsExact ? '' : '<='}${fencingToken}`].join(' '),
      );
  return { log, clock, lines };
}

test('a hand-over is an event with both holders, and the token is exact when the creation was seen', () => {
  const { log, clock, lines } = logOf();
  const first = leaseOf(clock, { pod: 'web-0' });
  log.listed([first]);
  assert.deepEqual(lines(), ['found web-0 - <=10']);
  log.deleted(first);
  assert.deepEqual(lines(), ['deleted web-0 web-0 <=10']);
  clock.advance(1_000);
  log.written(leaseOf(clock, { pod: 'web-1', resourceVersion: '20' }), true);
  assert.deepEqual(lines(), ['elected web-1 web-0 20']);
  const [row] = log.rows();
  assert.deepEqual([row?.holder, row?.fencingToken, row?.changes], ['web-1', '20', 1]);
});

test('a renewal is not an event, keeps the token, and sets the age of the renewal to 0', () => {
  const { log, clock, lines } = logOf();
  const acquireTimeMs = clock.wallMs();
  log.listed([]);
  log.written(leaseOf(clock, { pod: 'web-0', acquireTimeMs }), true);
  lines();
  clock.advance(10_000);
  log.written(leaseOf(clock, { pod: 'web-0', acquireTimeMs, resourceVersion: '30' }), false);
  assert.deepEqual(lines(), []);
  const [row] = log.rows();
  assert.deepEqual([row?.fencingToken, row?.renewedAtMs], ['10', clock.nowMs()]);
});

test('a restored Lease continues the same term', () => {
  const { log, clock, lines } = logOf();
  const acquireTimeMs = clock.wallMs();
  const before = leaseOf(clock, { pod: 'web-0', acquireTimeMs });
  log.listed([before]);
  log.deleted(before);
  log.written(leaseOf(clock, { pod: 'web-0', acquireTimeMs, uid: 'another', resourceVersion: '40' }), true);
  assert.deepEqual(lines(), ['found web-0 - <=10', 'deleted web-0 web-0 <=10', 'restored web-0 web-0 <=10']);
});

test('the same name with another uid is another holder', () => {
  const { log, clock, lines } = logOf();
  log.listed([leaseOf(clock, { pod: 'db-0' })]);
  log.listed([leaseOf(clock, { pod: 'db-0', owner: { name: 'db-0', uid: 'reborn' }, resourceVersion: '50' })]);
  assert.deepEqual(lines(), ['found db-0 - <=10', 'elected db-0 db-0 <=50']);
  assert.equal(log.rows()[0]?.changes, 1);
});

test('a Lease that is empty between two holders has changed once', () => {
  const { log, clock, lines } = logOf();
  const held = (pod: string, resourceVersion: string) =>
    leaseOf(clock, { pod, owner: null, uid: 'of-client-go', resourceVersion });
  log.listed([held('a', '10')]);
  log.written(held('', '20'), false);
  log.written(held('b', '30'), false);
  log.written(held('', '40'), false);
  clock.advance(1_000);
  log.written(held('b', '50'), false);
  assert.deepEqual(lines(), [
    'found a - <=10',
    'released - a <=20',
    'elected b a <=30',
    'released - b <=40',
    'elected b b <=50',
  ]);
  assert.equal(log.rows()[0]?.changes, 1);
});

test('an empty Lease that is deleted and created again names its last holder', () => {
  const { log, clock, lines } = logOf();
  const empty = leaseOf(clock, { pod: '', owner: null, uid: 'of-client-go' });
  log.listed([leaseOf(clock, { pod: 'a', owner: null, uid: 'of-client-go' })]);
  log.written(empty, false);
  log.deleted(empty);
  log.written({ ...empty, lease: { ...empty.lease, uid: 'another' } }, true);
  assert.deepEqual(lines(), ['found a - <=10', 'released - a <=10', 'deleted - a <=10', 'released - a <=10']);
});

test('a holder is silent after the duration, stays the holder, and renews again', () => {
  const { log, clock, lines } = logOf();
  const acquireTimeMs = clock.wallMs();
  log.listed([leaseOf(clock, { pod: 'web-0', acquireTimeMs })]);
  lines();
  clock.advance(29_999);
  log.checkSilence();
  assert.deepEqual(lines(), []);
  clock.advance(1);
  log.checkSilence();
  log.checkSilence();
  assert.deepEqual(lines(), ['silent web-0 web-0 <=10']);
  assert.equal(log.rows()[0]?.holder, 'web-0');
  log.written(leaseOf(clock, { pod: 'web-0', acquireTimeMs }), false);
  assert.deepEqual(lines(), ['renewing web-0 web-0 <=10']);
});

test('no holder counts as silent while the watch is lost', () => {
  const { log, clock, lines } = logOf();
  log.listed([leaseOf(clock, { pod: 'web-0' })]);
  lines();
  log.lost();
  clock.advance(60_000);
  log.checkSilence();
  assert.deepEqual(lines(), []);
});

test('the log keeps the last 100 deleted Leases', () => {
  const { log, clock } = logOf();
  log.listed([]);
  for (let count = 0; count <= KEPT_ENDED; count += 1) {
    const item = { ...leaseOf(clock, { pod: 'web-0' }), name: `job-${count}` };
    log.written(item, true);
    log.deleted(item);
    clock.advance(1_000);
  }
  const names = log.rows().map(({ name }) => name);
  assert.equal(names.length, KEPT_ENDED);
  assert.ok(!names.includes('job-0') && names.includes('job-1'));
});

test('a release is a separate event', () => {
  const { log, clock, lines } = logOf();
  const acquireTimeMs = clock.wallMs();
  log.listed([leaseOf(clock, { pod: 'web-0', acquireTimeMs })]);
  log.written(leaseOf(clock, { pod: 'web-0', acquireTimeMs, releasedBy: 'uid-of-web-0' }), false);
  assert.deepEqual(lines(), ['found web-0 - <=10', 'released web-0 web-0 <=10']);
});

const EVENT: ElectionEvent = {
  at: new Date(0),
  namespace: 'shop',
  lease: 'web',
  change: 'elected',
  holder: 'web-1',
  holderUid: 'u',
  leaseUid: 'l',
  previousHolder: 'web-0',
  fencingToken: '7',
  tokenIsExact: true,
};

for (const [change, line] of [
  ['found', 'is held by web-1, token 7'],
  ['elected', 'elected web-1, token 7, after web-0'],
  ['restored', 'is back, still held by web-1, token 7'],
  ['released', 'was released by web-0'],
  ['deleted', 'is gone; web-1 held it'],
  ['silent', 'is not renewed by web-1, which stays the leader'],
  ['renewing', 'is renewed by web-1 again'],
] as const) {
  test(`the line of the change ${change}`, () => {
    assert.equal(changeLine({ ...EVENT, change }), `1970-01-01T00:00:00.000Z shop/web ${line}`);
  });
}

const FAILURE: RequestFailure = {
  kind: 'unavailable',
  message: 'broken',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
};

/** A port whose answers and streams the test controls. */
function portOf(answers: readonly (RequestFailure | 'listed')[]) {
  const left = [...answers];
  const streams: { sink: WatchSink<NamedLease>; closed: boolean }[] = [];
  const port: WatchPort<NamedLease> = {
    async list() {
      const answer = left.shift();
      assert.ok(answer !== undefined, 'one list too many');
      return answer === 'listed'
        ? { ok: true, value: { items: [], resourceVersion: '1' } }
        : { ok: false, failure: answer };
    },
    open(_version, _seconds, sink) {
      const stream = { sink, closed: false };
      streams.push(stream);
      return {
        close: () => {
          stream.closed = true;
        },
      };
    },
  };
  return { port, streams, left };
}

function sinkOf(): { sink: LeaseFeedSink; lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    sink: {
      listed: () => lines.push('listed'),
      written: () => lines.push('written'),
      deleted: () => lines.push('deleted'),
      lost: ({ message }) => lines.push(`lost ${message}`),
    },
  };
}

/** Lets the promises of the feed settle. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

test('the feed lists again after each watch and after each failure, with a pause, until it is stopped', async () => {
  const clock = new ManualClock();
  const { port, streams, left } = portOf(['listed', FAILURE, 'listed', 'listed']);
  const { sink, lines } = sinkOf();
  const feed = new LeaseFeed(port, clock, sink);
  assert.equal(await feed.start(), null);
  streams[0]?.sink.ended(null);
  clock.advance(LIST_PAUSE_MS - 1);
  await settle();
  assert.deepEqual(lines, ['listed']);
  clock.advance(1);
  await settle();
  assert.deepEqual(lines, ['listed', 'lost broken']);
  clock.advance(LIST_PAUSE_MS);
  await settle();
  assert.deepEqual(lines, ['listed', 'lost broken', 'listed']);
  // The clock ends a watch that is dead.
  clock.advance(WATCH_SECONDS * 1000 + WATCH_SLACK_MS);
  assert.equal(streams[1]?.closed, true);
  clock.advance(LIST_PAUSE_MS);
  await settle();
  assert.deepEqual([left.length, lines.length], [0, 4]);
  feed.stop();
  assert.deepEqual([streams[2]?.closed, clock.timers.size], [true, 0]);
});

test('a feed whose first list fails returns the failure, and leaves no timer', async () => {
  const clock = new ManualClock();
  const { sink, lines } = sinkOf();
  assert.equal(await new LeaseFeed(portOf([FAILURE]).port, clock, sink).start(), FAILURE);
  assert.deepEqual([lines, clock.timers.size], [[], 0]);
});

test('a live table overwrites itself, and counts the lines that do not fit on the terminal', () => {
  let written = '';
  const table = new LiveTable((text) => {
    written += text;
  });
  table.show(['one', 'two'], 24);
  assert.equal(written, 'one\ntwo\n');
  written = '';
  table.show(['1', '2', '3', '4'], 4);
  assert.equal(written, '\u001b[2F\u001b[J1\n2\n… and 2 more\n');
  written = '';
  table.show(['end'], 4);
  assert.equal(written, '\u001b[3F\u001b[Jend\n');
});

test('watch shows a table on a terminal, and ends with exit code 0', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const owner = cluster.createPod({ name: 'web-0', namespace: 'shop' });
  await createLease(cluster, { namespace: 'shop', owner });
  const kubeconfig = fileOf(t, cluster.kubeconfig());
  const { code, written, complained } = await run(['watch', '-n', 'shop', '--kubeconfig', kubeconfig], {
    terminal: { columns: 100, rows: 24 },
    until: (text) => text.includes('web-0'),
  });
  assert.deepEqual([code, complained], [0, '']);
  assert.match(
    written,
    /^NAMESPACE {2}NAME {2}HOLDER {2}TOKEN +RENEWED {2}CHANGES {2}LAST CHANGE\nshop {7}web {3}web-0 {3}<=\d+ +\d+s +0 +[\d:]{8} found\n/,
  );
});

test('watch shows a table on a terminal of unknown size', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-0', namespace: 'sizeless' });
  await createLease(cluster, { namespace: 'sizeless', owner: pod });
  const { written } = await run(['watch', '-n', 'sizeless', '--kubeconfig', fileOf(t, cluster.kubeconfig())], {
    terminal: { columns: 0, rows: 0 },
    until: (text) => text.includes('LAST CHANGE') || text.includes('more'),
  });
  assert.match(written, /^NAMESPACE +NAME .* LAST CHANGE\nsizeless +web +web-0 /);
});

test('watch --json writes one object on each line when the output is a terminal', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const owner = cluster.createPod({ name: 'web-0', namespace: 'shop' });
  await createLease(cluster, { namespace: 'shop', owner });
  const kubeconfig = fileOf(t, cluster.kubeconfig());
  const { code, written } = await run(['watch', 'web', '-n', 'shop', '--json', '--kubeconfig', kubeconfig], {
    terminal: { columns: 100, rows: 24 },
    until: (text) => text.includes('\n'),
  });
  assert.equal(code, 0);
  const { change, holder, holderUid } = JSON.parse(written) as ElectionEvent;
  assert.deepEqual({ change, holder, holderUid }, { change: 'found', holder: 'web-0', holderUid: owner.uid });
});

test('watch fails when it is not permitted to list Leases', async (t) => {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  cluster.grant({ namespace: 'shop', serviceAccountName: 'nobody', rules: [] });
  const pod = cluster.createPod({ name: 'nobody-0', namespace: 'shop', serviceAccountName: 'nobody' });
  const kubeconfig = fileOf(t, kubeconfigWith(cluster, pod.token));
  const { code, complained } = await run(['watch', '-n', 'shop', '--kubeconfig', kubeconfig]);
  assert.equal(code, 2);
  assert.match(complained, /^Cannot tell: list leases/);
});

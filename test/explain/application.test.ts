/**
 * `explain()` about facts outside of the election: a start that has not found its Pod yet, the work of the application,
 * and an error that ended the elector. The rows after them are the limits between two explanations.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_DIAGNOSTICS } from '../../src/core/diagnostics.ts';
import type { PodReport } from '../../src/core/lease-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { ElectionConfig } from '../../src/core/state.ts';
import { explain } from '../../src/explain/explain.ts';
import type { ExplainInput, Explanation } from '../../src/explain/explanation.ts';
import {
  CONFIG,
  failure,
  finds,
  follows,
  leads,
  leaseOf,
  ownLease,
  podOf,
  RIVAL,
  SELF,
  type Story,
  starts,
  WALL_MS,
} from '../core/story.ts';
import { COUNTS_STOPPED, checkTable, explained, forbidden, type Row, sees } from './explanation-table.ts';

const UNVERIFIED_MS = 7_000;

/** An elector that has started, and does not know its Pod yet. */
const JOINING: ExplainInput = {
  election: null,
  diagnostics: NO_DIAGNOSTICS,
  started: true,
  local: false,
  over: false,
  endedBy: null,
  idleWork: null,
  leader: null,
  unverifiedForMs: UNVERIFIED_MS,
  nowMs: 50_000,
  wallMs: WALL_MS,
};

/** The input of a story, with these changes. */
function inputOf({ state, diagnostics, nowMs, wallMs }: Story, changes: Partial<ExplainInput> = {}): ExplainInput {
  return { ...JOINING, election: state, diagnostics, unverifiedForMs: 0, nowMs, wallMs, ...changes };
}

function joiningAfter(failed: RequestFailure): Explanation {
  return explain({ ...JOINING, diagnostics: { ...NO_DIAGNOSTICS, failure: failed } });
}

const SINCE = new Date(WALL_MS - UNVERIFIED_MS);

test('a start without an answer is explained as starting', () => {
  const { reason, message, endsWhen, since } = explain(JOINING);
  assert.deepEqual(
    { reason, message, endsWhen, since },
    {
      reason: 'starting',
      message: 'This elector is determining its cluster and its Pod, and retries until it has an answer.',
      endsWhen: 'the API server answers',
      since: null,
    },
  );
});

const shortage: RequestFailure = {
  ...failure('unavailable'),
  cause: Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' }),
};

for (const [what, failed, reason, endsWhen] of [
  ['lacks file descriptors', shortage, 'starting', 'the shortage is over'],
  ['cannot reach the API server', failure('unavailable'), 'api-unreachable', 'the API server answers'],
  ['has a token that is refused', failure('unauthorized'), 'unauthorized', 'the API server accepts the token'],
] as const) {
  test(`a start that ${what} is explained as ${reason}`, () => {
    const explanation = joiningAfter(failed);
    assert.equal(explanation.reason, reason);
    assert.equal(explanation.endsWhen, endsWhen);
    assert.deepEqual(explanation.since, SINCE);
    assert.equal(
      explanation.message,
      `This elector cannot determine its Pod yet, and retries until it has an answer: ${failed.message}`,
    );
  });
}

test('a start whose read of this Pod is refused is explained as forbidden, with the rule that is missing', () => {
  const refusal = forbidden('get', 'pods');
  const explanation = explain({ ...JOINING, diagnostics: { ...NO_DIAGNOSTICS, refusals: [refusal] } });
  assert.equal(explanation.reason, 'forbidden');
  assert.equal(explanation.endsWhen, 'the API server accepts the request');
  assert.deepEqual(explanation.since, SINCE);
  assert.match(explanation.message, /Grant `get` on pods/);
  assert.deepEqual(explanation.missingRules, [refusal.missingRule]);
});

test('an explanation without a cluster begins with a note about the option local', () => {
  const { message } = explain(inputOf(leads(), { local: true }));
  assert.match(message, /^There is no cluster, and the option `local` is set, so this process acts as a Pod\. This /);
});

test('a leader whose work has ended is explained as leading-idle since that moment', () => {
  const story = leads();
  const idleWork = { error: null, endedAtMs: story.nowMs - 2_000 };
  const { reason, message, since, error } = explain(inputOf(story, { idleWork }));
  assert.deepEqual([reason, error, since], ['leading-idle', null, new Date(story.wallMs - 2_000)]);
  assert.match(
    message,
    /; the promise of onElected has settled, so its work has ended; if it should still work, exit,/,
  );
});

test('a leader whose work has failed is explained with the error', () => {
  const story = leads();
  const { reason, message, error } = explain(
    inputOf(story, { idleWork: { error: 'no disk', endedAtMs: story.nowMs } }),
  );
  assert.deepEqual([reason, error], ['leading-idle', 'no disk']);
  assert.match(message, /; its work has failed \(no disk\): exit, .* or call stepDown\(\) to hand over/);
});

test('a leader whose work makes no progress is explained with the time', () => {
  const { reason, message } = explain(inputOf(leads(), { noProgressForMs: 90_000 }));
  assert.equal(reason, 'leading');
  assert.match(message, /; its work has made no progress for 90 s: exit, and the restarted container leads again/);
});

test('a leader with a request that failed a moment ago is explained with the request, and no longer after an outage', () => {
  const story = leads();
  const diagnostics = { ...story.diagnostics, failure: failure('unavailable') };
  const messageAfter = (unverifiedForMs: number): string =>
    explain(inputOf(story, { diagnostics, unverifiedForMs })).message;
  const failedNow = /; a request has failed and is repeated, which does not end the term \(it failed: unavailable\)/;
  assert.match(messageAfter(2_999), failedNow);
  assert.match(messageAfter(3_000), /; the API server has confirmed nothing for 3 s, which does not end the term/);
});

test('an elector that an error has ended is explained with the error', () => {
  const { reason, message, endsWhen, error, command } = explain({ ...JOINING, over: true, endedBy: 'a defect' });
  assert.deepEqual([reason, error, command], ['stopped', 'a defect', null]);
  assert.equal(endsWhen, 'the cause is removed, and a new elector is started');
  assert.equal(message, 'This elector has ended with an error, and a new process must start a new elector: a defect');
});

test('a stopped elector whose Pod keeps the Lease is explained with the error that ended it, and a cautious command', () => {
  const story = leads();
  const leader = { name: SELF.name, uid: SELF.uid, since: new Date(WALL_MS), renewTimeAgeMs: null };
  const diagnostics = { ...story.diagnostics, takesPart: true };
  const { message, error, command, caution } = explain(
    inputOf(story, { over: true, endedBy: 'a defect', leader, diagnostics }),
  );
  assert.match(message, /^This elector has stopped and Pod app-1 keeps the Lease/);
  assert.equal(error, 'a defect');
  assert.equal(command, 'kubectl delete pod app-1 -n shop');
  assert.equal(caution, 'Make sure first that no other process of Pod app-1 leads.');
});

test('a stopped elector of which another Pod holds the Lease is explained without a command', () => {
  const story = leads();
  const leader = { name: RIVAL.name, uid: RIVAL.uid, since: new Date(WALL_MS), renewTimeAgeMs: null };
  const diagnostics = { ...story.diagnostics, takesPart: true };
  const { message, command } = explain(inputOf(story, { over: true, leader, diagnostics }));
  assert.match(message, /^This elector has stopped, and does not take part in the election\./);
  assert.equal(command, null);
});

for (const unverifiedForMs of [2_999, 3_000]) {
  const recent = unverifiedForMs < 3_000;
  test(`a candidate whose request failed, ${unverifiedForMs} ms after the last answer, ${recent ? 'does not blame' : 'blames'} the API server`, () => {
    const story = follows().take({ type: 'leaseWatchFailed', failure: failure('unavailable') });
    const { message } = explain(inputOf(story, { unverifiedForMs }));
    assert.match(
      message,
      recent ? /^A request about .* has failed/ : /^The API server has confirmed nothing about .* for 3 s/,
    );
  });
}

/** A candidate that sees this report of the rival's Pod, and no renewals. */
const reportedAs =
  (report: Partial<PodReport>): (() => Story) =>
  () =>
    sees(report);

const LOST =
  'Repair or remove the node, or delete the Pod, whose object then disappears when the node is back or removed.';
const lostRow = (what: string, report: Partial<PodReport>, node: string): Row => ({
  what,
  story: reportedAs(report),
  reason: 'holder-node-not-ready',
  message: `Pod app-2 leads, but the control plane has lost ${node}, and its process may still run there. ${LOST}`,
  endsWhen: 'the node comes back, or its Pod is deleted',
  since: new Date(WALL_MS).toISOString(),
  command: 'kubectl delete pod app-2 -n shop',
});

checkTable([
  lostRow('a Pod whose phase is Unknown is on a lost node', { phase: 'Unknown' }, 'its node node-1'),
  lostRow('a Pod with the reason NodeLost is on a lost node', { reason: 'NodeLost' }, 'its node node-1'),
  lostRow('a lost node without a name is called "its node"', { phase: 'Unknown', nodeName: null }, 'its node'),
]);

test('a leader whose Lease lost its owner is explained with that', () => {
  const story = leads().watched(ownLease({ owner: null, resourceVersion: '12' }));
  assert.match(explained(story).message, /; its Lease has lost its owner, and this process writes the owner again/);
});

test('a holder that does not renew is explained without "all is well"', () => {
  const story = finds(leaseOf(RIVAL, { renewTimeMs: null, leaseDurationSeconds: 30 })).podListed(RIVAL, podOf(RIVAL));
  const { reason, message } = explained(story);
  assert.equal(reason, 'following');
  assert.match(message, /It does not renew Lease shop\/app, so the other Pods cannot see whether its process hangs/);
});

test('a Pod that is gone "has stopped, or is gone" only when stopped Pods count as gone', () => {
  const gone = (config: ElectionConfig): string =>
    explained(starts(config).absent('10').podRead(SELF.name, null)).message;
  assert.match(gone(COUNTS_STOPPED), /^Pod app-1 \(uid pod-1\) has stopped, or does not exist/);
  assert.match(gone(CONFIG), /^Pod app-1 \(uid pod-1\) does not exist/);
});

test('a token that is refused is explained although an open watch still receives events', () => {
  const story = follows()
    .take({ type: 'leaseWatchFailed', failure: failure('unauthorized') })
    .podGone(RIVAL);
  const { reason, message } = explained(story);
  assert.equal(reason, 'unauthorized');
  assert.match(message, /^The API server does not accept the token of Pod app-1/);
});

test('a leader whose Lease was deleted is explained with the webhook that refuses to restore it', () => {
  const story = leads()
    .deleted(ownLease({ resourceVersion: '12' }))
    .podRead(SELF.name, podOf(SELF))
    .fail('createLease', 'rejected');
  assert.match(
    explained(story).message,
    /^This process leads, in Pod app-1; its Lease was deleted and cannot be restored \(it failed: rejected\)\.$/,
  );
});

test('a leader whose renewals are refused by a webhook is explained with that, until a write succeeds', () => {
  const words = /; its renewals are refused, so the other Pods cannot see whether it hangs \(it failed: rejected\)/;
  const refused = leads().fire('renew').fail('replaceLease', 'rejected');
  assert.match(explained(refused).message, words);
  const written = ownLease({ resourceVersion: '12' });
  assert.doesNotMatch(
    explained(refused.take({ type: 'leaseWritten', request: 99, lease: written })).message,
    /refused/,
  );
});

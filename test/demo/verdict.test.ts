/**
 * The verdict of the demo reports each violation. Each row spoils a good demo in one way.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { DemoEvent, EventContent } from '../../demo/demo-event.ts';
import { summarise } from '../../demo/summary.ts';
import { judge, type RequiredStep } from '../../demo/verdict.ts';
import type { TimelinePod } from '../../src/testing/index.ts';

const A = { name: 'batch-a', uid: 'uid-a' };
const B = { name: 'batch-b', uid: 'uid-b' };

const STEPS: readonly RequiredStep[] = [
  { id: 'election', leadership: 'begins' },
  { id: 'crash', leadership: 'stays' },
  { id: 'deletion', leadership: 'moves' },
];

/** The processes of the demo, by their names. */
const [A1, A2, B1] = [
  { pod: A, process: 'a#1' },
  { pod: A, process: 'a#2' },
  { pod: B, process: 'b#1' },
] as const;

function leaseWritten(leaseUid: string, owner: TimelinePod | null, revision: bigint): EventContent {
  return { type: 'leaseWritten', leaseUid, owner, holder: owner?.name ?? null, released: false, revision };
}

function elected(subject: typeof A1 | typeof A2 | typeof B1, token: bigint, resumed = false): EventContent {
  return { type: 'elected', token, resumed, ...subject };
}

/** A demo without fault: A leads, crashes, resumes, is deleted, and is a ghost for a moment. Then B leads. */
const GOOD: readonly (readonly [atMs: number, event: EventContent])[] = [
  [0, { type: 'stepBegan', step: 'election', title: '' }],
  [1, { type: 'processStarted', pid: 1, ...A1 }],
  [1, { type: 'processStarted', pid: 2, ...B1 }],
  [10, leaseWritten('lease-1', A, 100n)],
  [11, elected(A1, 100n)],
  [15, { type: 'jobTicked', token: 100n, ...A1 }],
  [20, { type: 'stepEnded', step: 'election', outcome: '', tookMs: 10 }],
  [21, { type: 'stepBegan', step: 'crash', title: '' }],
  [22, { type: 'processEnded', how: 'SIGKILL', crashed: true, ...A1 }],
  [30, { type: 'processStarted', pid: 3, ...A2 }],
  [40, leaseWritten('lease-1', A, 110n)],
  [41, elected(A2, 110n, true)],
  [50, { type: 'stepEnded', step: 'crash', outcome: '', tookMs: 20 }],
  [51, { type: 'stepBegan', step: 'deletion', title: '' }],
  [60, { type: 'podGone', pod: A, forced: true, revision: 120n }],
  [61, { type: 'leaseDeleted', leaseUid: 'lease-1', revision: 121n }],
  [62, leaseWritten('lease-2', B, 122n)],
  [63, elected(B1, 122n)],
  [64, { type: 'demoted', reason: 'pod-deleted', draining: true, ...A2 }],
  [70, { type: 'workEnded', ...A2 }],
  [75, { type: 'processEnded', how: 'exit code 0', crashed: false, ...A2 }],
  [80, { type: 'stepEnded', step: 'deletion', outcome: '', tookMs: 12 }],
  [90, { type: 'demoted', reason: 'stopped', draining: true, ...B1 }],
  [91, { type: 'workEnded', ...B1 }],
  [92, { type: 'processEnded', how: 'exit code 0', crashed: false, ...B1 }],
];

const EVENTS: readonly DemoEvent[] = GOOD.map(([atMs, event]) => ({ ...event, atMs }));

type Change = (event: DemoEvent) => DemoEvent | readonly DemoEvent[];

/** The violations of the good demo with some of its events replaced, removed or followed by others. */
function spoilt(change: Change): readonly string[] {
  return judge(STEPS, EVENTS.flatMap(change)).violations;
}

function electedIs(event: DemoEvent, process: string): boolean {
  return event.type === 'elected' && event.process === process;
}

describe('a good demo', () => {
  const verdict = judge(STEPS, EVENTS);

  test('has no violations', () => assert.deepEqual(verdict.violations, []));

  test('has one leader at a time, three terms, one tick', () => {
    assert.equal(verdict.leadersAtOnce, 1);
    assert.deepEqual(
      verdict.terms.map(({ token }) => token),
      [100n, 110n, 122n],
    );
    assert.equal(verdict.ticks, 1);
  });

  test('separates the leadership of a ghost from the drain of its job after its demotion', () => {
    const [ghost, ...others] = verdict.ghosts;
    assert.deepEqual(others, []);
    assert.equal(ghost?.term.process, 'a#2');
    assert.equal(ghost.demotedAfterMs, 4);
    assert.equal(ghost.drainedForMs, 6);
    assert.equal(ghost.besideSuccessorMs, 1);
    assert.equal(ghost.successor?.token, 122n);
  });
});

const ROWS: readonly (readonly [name: string, expected: RegExp, change: Change])[] = [
  [
    'two Pods that exist lead at once',
    /two leaders at once for 7\.0 ms: a#2 \(token 110\) and b#1 \(token 122\)/,
    (event) => (event.type === 'podGone' ? [] : event),
  ],
  [
    'a successor led before the Pod was gone, according to the revisions and not to the clocks',
    /two leaders at once/,
    (event) => (event.type === 'podGone' ? { ...event, revision: 123n } : event),
  ],
  [
    'two processes of the same Pod lead at once',
    /two leaders at once for .*a#1 .* and a#2/,
    (event) => (event.type === 'processEnded' && event.process === 'a#1' ? { ...event, atMs: 45 } : event),
  ],
  [
    'the job of a demoted leader continues beside the next leader',
    /two leaders at once until the end of the demo: b#1 \(token 122\) and a#2 \(token 130\)/,
    (event) =>
      electedIs(event, 'b#1')
        ? [event, { ...leaseWritten('lease-2', A, 130n), atMs: 64 }, { ...elected(A2, 130n), atMs: 65 }]
        : event.type === 'processEnded' || event.type === 'workEnded'
          ? []
          : event,
  ],
  [
    'a token shrinks',
    /did not grow: b#1 \(token 109\) came after a#2 \(token 110\)/,
    (event) => (event.type === 'elected' && event.process === 'b#1' ? { ...event, token: 109n } : event),
  ],
  [
    'a token is used twice',
    /did not grow: a#2 \(token 100\)/,
    (event) => (event.type === 'elected' && event.process === 'a#2' ? { ...event, token: 100n } : event),
  ],
  [
    'a process leads although the Lease belongs to another Pod',
    /nothing in the Lease proves that b#1 \(token 122\) leads/,
    (event) =>
      event.type === 'leaseWritten' && event.revision === 122n
        ? { ...event, owner: { name: 'c', uid: 'uid-c' } }
        : event,
  ],
  [
    'a process leads with a token that is not the revision of a write',
    /nothing in the Lease proves that a#2/,
    (event) => (event.type === 'leaseWritten' && event.revision === 110n ? [] : event),
  ],
  [
    'a process leads by a Lease that it has released',
    /nothing in the Lease proves that b#1/,
    (event) => (event.type === 'leaseWritten' && event.revision === 122n ? { ...event, released: true } : event),
  ],
  [
    'leadership moves in a step where it must stay',
    /leadership moved once in step "crash", not 0 times/,
    (event) => (event.type === 'elected' && event.process === 'a#2' ? { ...event, ...B1 } : event),
  ],
  [
    'leadership stays in a step where it must move',
    /leadership moved 0 times in step "deletion", not once/,
    (event) => (electedIs(event, 'b#1') ? [] : event),
  ],
  [
    'leadership moves several times in a step',
    /leadership moved 3 times in step "deletion", not once/,
    (event) =>
      electedIs(event, 'b#1') ? [event, { ...elected(A2, 123n), atMs: 64 }, { ...elected(B1, 124n), atMs: 65 }] : event,
  ],
  [
    'leadership moves outside of any step',
    /leadership moved once outside of any step, not 0 times/,
    (event) =>
      event.type === 'stepEnded' && event.step === 'deletion' ? [event, { ...elected(A2, 130n), atMs: 81 }] : event,
  ],
  [
    'the Lease is given to another Pod in a step where it must stay',
    /the Lease changed its owner 2 times in step "crash", not 0 times/,
    (event) =>
      event.type === 'leaseWritten' && event.revision === 110n
        ? [{ ...leaseWritten('lease-1', B, 105n), atMs: 39 }, event]
        : event,
  ],
  [
    'a step is missing',
    /step "crash" did not happen/,
    (event) => ('step' in event && event.step === 'crash' ? [] : event),
  ],
  [
    'a step was begun and not finished',
    /step "deletion" did not happen/,
    (event) => (event.type === 'stepEnded' && event.step === 'deletion' ? [] : event),
  ],
  [
    'a step failed',
    /step "deletion" did not happen: not within 8 s: another Pod is elected/,
    (event) =>
      event.type === 'stepEnded' && event.step === 'deletion'
        ? { ...event, outcome: 'not within 8 s: another Pod is elected', tookMs: null }
        : event,
  ],
];

describe('the verdict reports that', () => {
  for (const [name, expected, change] of ROWS) {
    test(name, () => {
      const violations = spoilt(change);
      assert.ok(
        violations.some((violation) => expected.test(violation)),
        `expected ${expected} among ${JSON.stringify(violations)}`,
      );
    });
  }

  test('no event happened at all', () => {
    const { violations, leadersAtOnce } = judge(STEPS, []);
    assert.equal(violations.length, STEPS.length);
    assert.equal(leadersAtOnce, 0);
  });
});

test('the verdict counts two leaders that lead at the same time', () => {
  const events = EVENTS.filter(({ type }) => type !== 'podGone');
  assert.equal(judge(STEPS, events).leadersAtOnce, 2);
});

describe('the summary', () => {
  const summaryOf = (events: readonly DemoEvent[]): { exitCode: number; text: string } => {
    const { exitCode, lines } = summarise(STEPS, events, 7);
    return { exitCode, text: lines.join('\n') };
  };

  test('has exit code 0 after a good demo, and reports the last time of a ghost as its drain', () => {
    const { exitCode, text } = summaryOf(EVENTS);
    assert.equal(exitCode, 0);
    assert.match(text, /✓ All 3 steps went as they must; there were never two leaders\./);
    assert.match(text, /a#2 was demoted 4 ms after its Pod was gone\./);
    assert.match(text, /Before that it led for 1 ms beside its successor\./);
    assert.match(text, /In its last 6 ms it drained its job, and did not lead\./);
    assert.match(text, /Its token 110 is smaller than 122, its successor's\./);
  });

  test('reports that a ghost was never demoted', () => {
    const { text } = summaryOf(EVENTS.filter(({ type }) => type !== 'demoted'));
    assert.match(text, /a#2 never learned that its Pod was gone\./);
    assert.match(text, /it led for 7 ms beside its successor\./);
    assert.doesNotMatch(text, /drain/);
  });

  test('has exit code 1 when two processes led at once', () => {
    const { exitCode, text } = summaryOf(EVENTS.filter(({ type }) => type !== 'podGone'));
    assert.equal(exitCode, 1);
    assert.match(text, /✗ two leaders at once for 7\.0 ms: a#2 \(token 110\) and b#1 \(token 122\)/);
    assert.doesNotMatch(text, /never two leaders/);
  });

  test('fits 80 columns when there is no violation', () => {
    const { text } = summaryOf(EVENTS.map((event) => ({ ...event, atMs: event.atMs * 100 })));
    for (const line of text.split('\n')) assert.ok(stripVTControlCharacters(line).length <= 80, line);
  });
});

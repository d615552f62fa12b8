/**
 * The demo as a timeline: each event is translated, a written record is read back unchanged, and the picture in the
 * documentation shows the stored record.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { DemoEvent, EventContent } from '../../demo/demo-event.ts';
import { formatRecording, parseRecording, timelineOf } from '../../demo/timeline.ts';
import { drawRecordedRun } from '../../tools/timeline.ts';

const POD = { name: 'batch-a', uid: 'uid-a' };
const SUBJECT = { pod: POD, process: 'batch-a#1' };

/** The events of the timeline for these events of a run, without their times. */
function shown(...contents: readonly EventContent[]): readonly object[] {
  const events = contents.map((content, atMs): DemoEvent => ({ ...content, atMs }));
  return timelineOf(events).map(({ atMs: _, ...content }) => content);
}

const TIMELINE_EVENTS: readonly EventContent[] = [
  { type: 'stepBegan', step: 'election', title: 'First election' },
  { type: 'processStarted', pid: 1, ...SUBJECT },
  { type: 'podTerminating', pod: POD, revision: 3n },
  { type: 'leaseWritten', leaseUid: 'l', owner: POD, holder: 'batch-a', released: false, revision: 5n },
  { type: 'elected', token: 5n, resumed: false, ...SUBJECT },
  { type: 'demoted', reason: 'pod-deleted', draining: true, ...SUBJECT },
  { type: 'workEnded', ...SUBJECT },
  { type: 'noted', text: 'DELETE of the Lease', tone: 'note' },
];

test('the timeline shows an event unchanged when it is already an event of a timeline', () => {
  assert.deepEqual(shown(...TIMELINE_EVENTS), TIMELINE_EVENTS);
});

const ROWS: readonly (readonly [name: string, event: EventContent, expected: object | null])[] = [
  [
    'a step that failed',
    { type: 'stepEnded', step: 'election', outcome: 'nobody led', tookMs: null },
    { type: 'noted', text: 'the step failed: nobody led', tone: 'trouble' },
  ],
  ['no step that succeeded', { type: 'stepEnded', step: 'election', outcome: 'batch-a leads', tookMs: 10 }, null],
  ['a hang', { type: 'signalled', signal: 'SIGSTOP', ...SUBJECT }, { type: 'processHung' }],
  ['the end of a hang', { type: 'signalled', signal: 'SIGCONT', ...SUBJECT }, { type: 'processResumed' }],
  [
    'a SIGTERM',
    { type: 'signalled', signal: 'SIGTERM', ...SUBJECT },
    { type: 'noted', text: 'receives SIGTERM', tone: 'note' },
  ],
  ['no SIGKILL, because the end of the process follows', { type: 'signalled', signal: 'SIGKILL', ...SUBJECT }, null],
  ['no tick of the job', { type: 'jobTicked', token: 5n, ...SUBJECT }, null],
  ['no report about the leader', { type: 'leaderChanged', leader: 'batch-b', ...SUBJECT }, null],
  [
    'a report about a stale leader',
    { type: 'stale', leader: 'batch-b', ...SUBJECT },
    { type: 'noted', text: 'reports batch-b as stale', tone: 'trouble' },
  ],
];

for (const [name, event, expected] of ROWS) {
  test(`the timeline shows ${name}`, () => {
    assert.deepEqual(shown(event), expected === null ? [] : [{ ...event, ...expected }]);
  });
}

test('a record is read back unchanged', () => {
  const events = timelineOf([
    { type: 'processStarted', pid: 1, ...SUBJECT, atMs: 0.5 },
    { type: 'elected', token: 2n ** 70n, resumed: true, ...SUBJECT, atMs: 1.5 },
    { type: 'leaseWritten', leaseUid: 'l', owner: null, holder: null, released: false, revision: 5n, atMs: 2 },
  ]);
  assert.deepEqual(parseRecording(formatRecording(events)), events);
});

test('docs/timeline.svg shows the recorded run: npm run timeline draws it', () => {
  const file = new URL('../../docs/timeline.svg', import.meta.url);
  assert.equal(readFileSync(file, 'utf8'), drawRecordedRun());
});

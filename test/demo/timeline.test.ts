/**
 * The demo as a timeline: each event is translated, a record is read as it was written, and the picture in the
 * documentation is that of the record.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { DemoEvent, EventContent } from '../../demo/demo-event.ts';
import { formatRecording, parseRecording, timelineOf } from '../../demo/timeline.ts';
import { drawRecordedRun } from '../../tools/timeline.ts';

const POD = { name: 'batch-a', uid: 'uid-a' };
const SUBJECT = { pod: POD, process: 'batch-a#1' };
const STEPS = [{ id: 'election', title: 'First election' }];

/** The events that a run's events become, without their times. */
function translated(...contents: readonly EventContent[]): readonly object[] {
  const started: EventContent = { type: 'processStarted', process: 'batch-a#1', pod: POD, pid: 1 };
  const events = [started, ...contents].map((content, atMs): DemoEvent => ({ ...content, atMs }));
  const [created, starts, ...rest] = timelineOf(STEPS, events).map(({ atMs: _, ...content }) => content);
  assert.deepEqual(
    [created, starts],
    [
      { type: 'podCreated', pod: POD },
      { type: 'processStarted', ...SUBJECT },
    ],
  );
  return rest;
}

const ROWS: readonly (readonly [name: string, events: readonly EventContent[], expected: readonly object[]])[] = [
  ['a step', [{ type: 'stepBegan', step: 'election' }], [{ type: 'stepBegan', title: 'First election' }]],
  [
    'a step that failed',
    [{ type: 'stepFailed', step: 'election', outcome: 'nobody led' }],
    [{ type: 'noted', text: 'the step failed: nobody led', tone: 'trouble' }],
  ],
  [
    'a Pod deleted by force',
    [{ type: 'podGone', pod: POD, revision: 3n }],
    [{ type: 'podGone', pod: POD, forced: true }],
  ],
  [
    'a Pod deleted in order',
    [
      { type: 'podTerminating', pod: POD },
      { type: 'podGone', pod: POD, revision: 3n },
    ],
    [
      { type: 'podTerminating', pod: POD },
      { type: 'podGone', pod: POD, forced: false },
    ],
  ],
  [
    'a write to the Lease',
    [{ type: 'leaseWritten', leaseUid: 'l', ownerUid: 'uid-a', holder: 'batch-a', released: false, revision: 5n }],
    [{ type: 'leaseWritten', leaseUid: 'l', owner: POD, holder: 'batch-a', released: false, revision: 5n }],
  ],
  [
    'the end of the Lease',
    [{ type: 'leaseGone', leaseUid: 'l', revision: 6n }],
    [{ type: 'leaseDeleted', leaseUid: 'l' }],
  ],
  [
    'a hang',
    [
      { type: 'signalled', process: 'batch-a#1', signal: 'SIGSTOP' },
      { type: 'signalled', process: 'batch-a#1', signal: 'SIGCONT' },
    ],
    [
      { type: 'processHung', ...SUBJECT },
      { type: 'processResumed', ...SUBJECT },
    ],
  ],
  [
    'a crash',
    [
      { type: 'signalled', process: 'batch-a#1', signal: 'SIGKILL' },
      { type: 'processEnded', process: 'batch-a#1', how: 'SIGKILL' },
    ],
    [{ type: 'processEnded', how: 'SIGKILL', crashed: true, ...SUBJECT }],
  ],
  [
    'a term and its drain',
    [
      { type: 'elected', process: 'batch-a#1', token: 5n, resumed: false },
      { type: 'jobTicked', process: 'batch-a#1', token: 5n },
      { type: 'demoted', process: 'batch-a#1', reason: 'pod-deleted' },
      { type: 'jobEnded', process: 'batch-a#1', token: 5n },
      { type: 'processEnded', process: 'batch-a#1', how: 'exit code 0' },
    ],
    [
      { type: 'elected', token: 5n, resumed: false, ...SUBJECT },
      { type: 'demoted', reason: 'pod-deleted', draining: true, ...SUBJECT },
      { type: 'workEnded', ...SUBJECT },
      { type: 'processEnded', how: 'exit code 0', crashed: false, ...SUBJECT },
    ],
  ],
  [
    'reports of others',
    [
      { type: 'leaderChanged', process: 'batch-a#1', leader: 'batch-b' },
      { type: 'stale', process: 'batch-a#1', leader: 'batch-b' },
    ],
    [{ type: 'noted', text: 'reports batch-b as stale', tone: 'trouble', ...SUBJECT }],
  ],
];

for (const [name, events, expected] of ROWS) {
  test(`the timeline shows ${name}`, () => assert.deepEqual(translated(...events), expected));
}

test('a record is read as it was written', () => {
  const events = timelineOf(STEPS, [
    { type: 'processStarted', process: 'batch-a#1', pod: POD, pid: 1, atMs: 0.5 },
    { type: 'elected', process: 'batch-a#1', token: 2n ** 70n, resumed: true, atMs: 1.5 },
    { type: 'leaseWritten', leaseUid: 'l', ownerUid: null, holder: null, released: false, revision: 5n, atMs: 2 },
  ]);
  assert.deepEqual(parseRecording(formatRecording(events)), events);
});

test('docs/timeline.svg shows the recorded run: npm run timeline draws it', () => {
  const file = new URL('../../docs/timeline.svg', import.meta.url);
  assert.equal(readFileSync(file, 'utf8'), drawRecordedRun());
});

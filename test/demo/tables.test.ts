/**
 * The tables of the demo fit their width and show the events.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { EventContent } from '../../demo/demo-event.ts';
import { type Frame, livePicture, type Remark, remarkLine, stateTables } from '../../demo/tables.ts';
import { ViewModel } from '../../demo/view-model.ts';

const POD = { name: 'batch-a', uid: 'uid-a' };
const SUBJECT = { pod: POD, process: 'batch-a#1' };

const BEGIN: readonly EventContent[] = [
  { type: 'stepBegan', step: 'election', title: 'First election' },
  { type: 'processStarted', pid: 4711, ...SUBJECT },
  { type: 'leaseWritten', leaseUid: 'l', owner: POD, holder: POD.name, released: false, revision: 17n },
  { type: 'elected', token: 17n, resumed: false, ...SUBJECT },
  { type: 'jobTicked', token: 17n, ...SUBJECT },
  { type: 'noted', text: 'a very long remark '.repeat(20), tone: 'trouble', ...SUBJECT },
  { type: 'stepEnded', step: 'election', outcome: 'an outcome that is longer than its column', tookMs: 420 },
  { type: 'stepBegan', step: 'crash', title: 'Container crashes' },
];

const FAILURE: EventContent = {
  type: 'stepEnded',
  step: 'crash',
  outcome: 'not within 8 s: batch-a#2 resumes the term',
  tookMs: null,
};

const FRAME: Frame = { title: 'embedded API server', nowMs: 900, waitsFor: 'its job ticks', width: 120, height: 40 };

/** The view after events that are 100 ms apart, and their lines. */
function viewOf(contents: readonly EventContent[]): { view: ViewModel; remarks: readonly Remark[] } {
  const view = new ViewModel();
  const remarks = contents.flatMap((content, index) => {
    const words = view.apply({ ...content, atMs: index * 100 });
    return words === null ? [] : [[index * 100, ...words] as const];
  });
  return { view, remarks };
}

function picture(contents: readonly EventContent[], width = 120, height = 40): readonly string[] {
  const { view, remarks } = viewOf(contents);
  return livePicture(view, remarks, { ...FRAME, width, height }).map(stripVTControlCharacters);
}

function lastTable(contents: readonly EventContent[]): string {
  return stripVTControlCharacters(stateTables(viewOf(contents).view, FRAME).join('\n'));
}

/** The lines of the log, as they are printed without a terminal. */
function linesOf(contents: readonly EventContent[]): readonly string[] {
  const { remarks } = viewOf(contents);
  return remarks.map((remark) => stripVTControlCharacters(remarkLine(remark, Number.POSITIVE_INFINITY)));
}

describe('a picture', () => {
  for (const [width, height] of [
    [80, 24],
    [120, 40],
    [40, 10],
  ] as const) {
    test(`fits ${width} × ${height}, and leaves the last line to the cursor`, () => {
      const lines = picture([...BEGIN, FAILURE], width, height);
      assert.ok(lines.length < height, `${lines.length} lines`);
      for (const line of lines) assert.ok(line.length <= width, line);
    });
  }

  test('shows the leader with its token and its ticks', () => {
    assert.match(picture(BEGIN, 80, 24).join('\n'), /batch-a +running 4711 +● leads +17 +1$/m);
  });

  test('shows the event that the demo waits for, and the latest lines of the log', () => {
    const lines = picture(BEGIN, 80, 24);
    assert.ok(lines.includes(' waiting: its job ticks'), lines.join('\n'));
    assert.match(lines.at(-1) ?? '', /0\.700 {2}step 2 +Container crashes: its restart leads/);
  });

  test('shows a leader that hangs', () => {
    const text = picture([...BEGIN, { type: 'signalled', signal: 'SIGSTOP', ...SUBJECT }]).join('\n');
    assert.match(text, /batch-a +suspended 4711 +● leads, but hangs +17/);
  });
});

describe('a ghost', () => {
  const demoted: readonly EventContent[] = [
    ...BEGIN,
    { type: 'podGone', pod: POD, forced: true, revision: 20n },
    { type: 'demoted', reason: 'pod-deleted', draining: true, ...SUBJECT },
  ];

  test('drains its job after its demotion, and does not lead', () => {
    assert.match(lastTable(demoted), /batch-a +running 4711 +◌ ghost, drains its job +1$/m);
    assert.doesNotMatch(lastTable(demoted), /●/);
  });

  test('is not called a second leader in the log', () => {
    const lines = linesOf([...demoted, { type: 'workEnded', ...SUBJECT }]);
    assert.equal(
      lines.at(-1),
      '   1.000  batch-a#1  drained its job for 0.10 s after its demotion: a ghost, but no second leader',
    );
  });
});

describe('the table of the steps', () => {
  test('has a row for every step, and marks the steps that failed or were not run', () => {
    const text = lastTable([...BEGIN, FAILURE]);
    assert.match(text, /✓ 1 First election +0\.42 s .*an outcome that is longer than its column/);
    assert.match(text, /✗ 2 Container crashes .*not within 8 s/);
    for (const title of ['3 Leader hangs', '6 Graceful hand-over'])
      assert.match(text, new RegExp(`✗ ${title} .*was not run`));
  });

  test('marks the running step, and no step after it', () => {
    const text = lastTable(BEGIN);
    assert.match(text, /▸ 2 Container crashes +0\.2 s/);
    assert.match(text, /^ {3}3 Leader hangs/m);
  });

  test('aligns its columns with the column heads', () => {
    const [head, first] = lastTable(BEGIN).split('\n').slice(-7);
    assert.equal(head?.indexOf('EXPECTED'), first?.indexOf('one of three'));
    assert.equal(head?.indexOf('HAPPENED'), first?.indexOf('an outcome'));
    assert.equal((head?.indexOf('TIME') ?? 0) + 4, (first?.indexOf('0.42 s') ?? 0) + 6);
  });
});

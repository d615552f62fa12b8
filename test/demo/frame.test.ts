/**
 * The pictures of the live table and the summary fit their width, whatever they show.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drawFrame } from '../../demo/frame.ts';
import type { Event } from '../../demo/happening.ts';
import { STEPS } from '../../demo/play.ts';
import { Scene } from '../../demo/scene.ts';
import { cell, fit, type Line, paint, span, wrap } from '../../demo/styled-text.ts';
import { summarise } from '../../demo/summary.ts';
import { judge } from '../../demo/verdict.ts';

const POD = { name: 'batch-a', uid: 'uid-a' };

const EVENTS: readonly Event[] = [
  { type: 'stepBegan', step: 'election' },
  { type: 'processStarted', process: 'batch-a#1', pod: POD, pid: 4711 },
  { type: 'leaseWritten', leaseUid: 'l', ownerUid: POD.uid, holder: POD.name, released: false, revision: 17n },
  { type: 'elected', process: 'batch-a#1', token: 17n, resumed: false },
  { type: 'jobTicked', process: 'batch-a#1', token: 17n, ticks: 1 },
  { type: 'noted', process: 'batch-a#1', text: 'a very long remark '.repeat(20) },
  { type: 'stepDone', step: 'election', outcome: 'an outcome that is longer than its column', tookMs: 420 },
  { type: 'stepBegan', step: 'crash' },
  { type: 'stepFailed', step: 'crash', outcome: 'not within 8 s: batch-a#2 resumes the term' },
];

const HAPPENINGS = EVENTS.map((event, index) => ({ ...event, atMs: index * 100 }));

function picture(width: number, height: number): readonly string[] {
  const scene = new Scene(STEPS);
  for (const happening of HAPPENINGS) scene.apply(happening);
  const options = { title: 'embedded API server', place: 'lease-elector-demo-000000', nowMs: 900, waitsFor: null };
  return drawFrame(scene, { ...options, width, height }).map((line) => paint(line, false));
}

describe('a picture', () => {
  for (const [width, height] of [
    [80, 24],
    [120, 40],
    [40, 10],
  ] as const) {
    test(`fits ${width} × ${height}, and leaves the last line to the cursor`, () => {
      const lines = picture(width, height);
      assert.ok(lines.length < height, `${lines.length} lines`);
      for (const line of lines) assert.ok(line.length <= width, line);
    });
  }

  test('shows who leads, with its token and its ticks', () => {
    assert.match(picture(80, 24).join('\n'), /batch-a +running 4711 +● leads +17 +1$/m);
  });
});

describe('a summary', () => {
  const options = { steps: STEPS, happenings: HAPPENINGS, requests: 7, tookMs: 1234 };
  const verdict = judge(STEPS, HAPPENINGS);

  for (const width of [80, 120]) {
    test(`fits ${width} columns`, () => {
      for (const line of summarise({ ...options, verdict, width })) {
        assert.ok(paint(line, false).length <= width, paint(line, false));
      }
    });
  }

  test('has a row for every step, and says which failed or were not played', () => {
    const text = summarise({ ...options, verdict, width: 120 })
      .map((line) => paint(line, false))
      .join('\n');
    assert.match(text, /✓ 1 First election .*0\.42 s/);
    assert.match(text, /✗ 2 Container crashes .*not within 8 s/);
    assert.match(text, /✗ 6 Graceful hand-over .*was not played/);
    assert.match(text, /✗ step "crash" did not happen/);
    assert.doesNotMatch(text, /All 6 steps/);
  });
});

describe('styled text', () => {
  test('is cut with an ellipsis', () => {
    const line: Line = [span('one '), span('two', 'good')];
    assert.equal(paint(fit(line, 6), false), 'one t…');
    assert.equal(cell('three', 4).text, 'thr…');
  });

  test('has no escape sequences without colours, and ends each it begins', () => {
    const line: Line = [span('one', 'bad'), span(' two')];
    assert.equal(paint(line, false), 'one two');
    assert.equal(paint(line, true), '\x1b[31mone\x1b[0m two');
  });

  test('is wrapped between words', () => {
    assert.deepEqual(wrap('one two three', 8), ['one two', 'three']);
    assert.deepEqual(wrap('immeasurable', 5), ['imme…']);
  });
});

/**
 * The display without a terminal: lines in the order of their times, then the last table and the closing lines.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { display } from '../../demo/display.ts';
import { EventLog } from '../../demo/event-log.ts';

/** The lines that a display prints when it is closed, for a log that the test fills. */
function linesOf(t: TestContext, fill: (log: EventLog) => void): readonly string[] {
  const log = new EventLog(new AbortController().signal);
  const close = display(log, 'embedded API server', true);
  fill(log);
  let output = '';
  const { mock } = t.mock.method(process.stdout, 'write', (text: string) => {
    output += text;
    return true;
  });
  try {
    close(['the end']);
  } finally {
    mock.restore();
  }
  return stripVTControlCharacters(output).trimEnd().split('\n');
}

test('lines are in the order of their times when reports arrive late', (t) => {
  const pod = { name: 'batch-a', uid: 'uid-a' };
  const subject = { pod, process: 'batch-a#1' };
  const lines = linesOf(t, (log) => {
    log.add({ type: 'processStarted', pid: 4711, ...subject }, 1);
    log.add({ type: 'podGone', pod, forced: true, revision: 20n }, 30);
    log.add({ type: 'demoted', reason: 'pod-deleted', draining: true, ...subject }, 40);
    log.add({ type: 'elected', token: 17n, resumed: false, ...subject }, 20);
    log.add({ type: 'workEnded', ...subject }, 240);
  });
  assert.deepEqual(lines.slice(0, 5), [
    '   0.001  batch-a#1  starts as process 4711',
    '   0.020  batch-a#1  is elected, token 17',
    '   0.030  cluster    Pod batch-a is gone (revision 20)',
    '   0.040  batch-a#1  is demoted: pod-deleted',
    '   0.240  batch-a#1  drained its job for 0.20 s after its demotion: a ghost, but no second leader',
  ]);
});

test('the output ends with the last table and the closing lines', (t) => {
  const lines = linesOf(t, (log) => {
    log.add({ type: 'stepBegan', step: 'election', title: 'First election' }, 1);
    log.add({ type: 'stepEnded', step: 'election', outcome: 'batch-a leads', tookMs: 420 }, 500);
  });
  assert.equal(lines.at(-1), 'the end');
  assert.ok(lines.some((line) => / ✓ 1 First election +0\.42 s +one of three leads +batch-a leads$/.test(line)));
});

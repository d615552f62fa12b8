/**
 * The whole demo as a process without a terminal: real processes and real time.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parseRecording } from '../../demo/timeline.ts';

const DEMO = path.join(import.meta.dirname, '../../demo/demo.ts');

/** A demo that runs, its output so far, and the directory of its temporary files. */
interface RunningDemo {
  readonly child: ChildProcess;
  readonly temporary: string;
  output: string;
}

function startDemo(t: TestContext, ...args: readonly string[]): RunningDemo {
  const temporary = mkdtempSync(path.join(tmpdir(), 'lease-elector-demo-test-'));
  const env = { ...process.env, TMPDIR: temporary, FORCE_COLOR: undefined };
  const child = spawn(process.execPath, [DEMO, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const demo: RunningDemo = { child, temporary, output: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      demo.output += text;
    });
  }
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(temporary, { recursive: true, force: true });
  });
  return demo;
}

/** The process ids of the candidates in the log. */
function candidatesOf({ output }: RunningDemo): readonly number[] {
  return [...output.matchAll(/starts as process (\d+)/g)].map(([, pid]) => Number(pid));
}

function assertNothingLeft(demo: RunningDemo): void {
  assert.deepEqual(readdirSync(demo.temporary), []);
  for (const pid of candidatesOf(demo)) {
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, `process ${pid} still runs`);
  }
}

/** Checks that the page and the record contain the same run as the output. */
function assertTimeline(output: string, page: string, record: string): void {
  const [, printed = ''] = /^ Fencing tokens +(.*)$/m.exec(output) ?? [];
  const elected = parseRecording(record).filter((event) => event.type === 'elected');
  assert.equal(elected.map(({ token }) => token).join(', '), printed);
  for (const { token } of elected) assert.match(page, new RegExp(`, fencing token ${token}"`));
  for (const happened of [
    'the process crashes: SIGKILL',
    'the process hangs',
    'is restored by its holder',
    'deleted by force',
  ]) {
    assert.ok(page.includes(happened), happened);
  }
}

describe('the demo without a terminal', { skip: process.platform === 'win32' }, () => {
  test('runs six steps, prints lines in the order of their times, ends with the table, and exits with 0', async (t) => {
    const files = mkdtempSync(path.join(tmpdir(), 'lease-elector-demo-files-'));
    t.after(() => rmSync(files, { recursive: true, force: true }));
    const [page, record] = [path.join(files, 'run.html'), path.join(files, 'run.json')];
    const demo = startDemo(t, '--timeline', page, '--record', record);
    const [exitCode] = await once(demo.child, 'close');
    const { output } = demo;
    assert.equal(exitCode, 0, output);
    const times = [...output.matchAll(/^ *(\d+\.\d{3}) {2}\S/gm)].map(([, time]) => Number(time));
    assert.ok(times.length > 40, output);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const steps = [...output.matchAll(/^ ✓ (\d) .* (?:ms|s) {2}/gm)].map(([, number]) => Number(number));
    assert.deepEqual(steps, [1, 2, 3, 4, 5, 6], output);
    assert.match(output, /drained its job for .* after its demotion: a ghost, but no second leader$/m);
    assert.match(output, /^ Leaders at once at most 1$/m);
    assert.match(output, /it drained its job, and did not lead\.$/m);
    assert.match(output, / ✓ All 6 steps went as they must; there were never two leaders\.\n$/);
    assert.ok(!output.includes('\x1b'), 'no escape sequences');
    assert.ok(candidatesOf(demo).length === 5, output);
    assertNothingLeft(demo);
    assertTimeline(output, readFileSync(page, 'utf8'), readFileSync(record, 'utf8'));
  });

  test('exits with 130 and leaves neither processes nor files when it is interrupted', async (t) => {
    const demo = startDemo(t);
    const closed = once(demo.child, 'close');
    while (candidatesOf(demo).length < 3) await once(demo.child.stdout ?? demo.child, 'data');
    demo.child.kill('SIGINT');
    const [exitCode] = await closed;
    assert.equal(exitCode, 130, demo.output);
    assert.match(demo.output, /Interrupted\.\n$/);
    assertNothingLeft(demo);
  });

  test('exits with 2 when an argument is invalid', async (t) => {
    const demo = startDemo(t, '--kubeconfig');
    const [exitCode] = await once(demo.child, 'close');
    assert.equal(exitCode, 2);
    assert.match(demo.output, /--kubeconfig[\s\S]*Usage: npm run demo/);
  });
});

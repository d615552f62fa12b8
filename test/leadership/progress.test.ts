/**
 * Checks `term.progress()`: when it is late, where that is reported, and that the term goes on.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEAVING_LIMIT_MS } from '../../src/core/leaving.ts';
import type { LeaseElectorOptions, LogFields, Stall, Term } from '../../src/index.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { ask } from '../endpoint/raw-client.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { ScriptedElector } from '../worlds/scripted-elector.ts';
import { until } from '../worlds/until.ts';

const TIMEOUT_MS = 5_000;

interface Leading {
  readonly scripted: ScriptedElector;
  readonly term: Term;
  readonly stalls: Stall[];
}

async function leading(options: LeaseElectorOptions = {}): Promise<Leading> {
  const scripted = new ScriptedElector({ progressTimeoutMs: TIMEOUT_MS, ...options });
  const stalls: Stall[] = [];
  scripted.elector.on('stalled', (stall) => stalls.push(stall));
  const term = await scripted.lead();
  return { scripted, term, stalls };
}

/** Stops the elector. Every request fails from now on, and each step of leaving is repeated until its limit. */
async function endOf(scripted: ScriptedElector): Promise<void> {
  const stopped = scripted.elector.stop();
  for (let second = 0; second <= LEAVING_LIMIT_MS / 1_000; second += 1) {
    await promisesSettled();
    for (const { fail } of scripted.world.pending.splice(0)) fail('unavailable');
    await promisesSettled();
    scripted.run(1);
  }
  await stopped;
}

/** The value of a metric of this elector. */
const value = ({ elector }: ScriptedElector, name: string): string | undefined =>
  new RegExp(`^lease_elector_${name}\\{name="web"\\} (\\S+)$`, 'm').exec(elector.metrics())?.[1];

test('work that makes progress in time is never late', async () => {
  const { scripted, term, stalls } = await leading();
  for (let second = 0; second < 60; second += 1) {
    scripted.clock.advance(1_000);
    if (second % 4 === 0) term.progress();
  }
  assert.deepEqual(stalls, []);
  assert.equal(value(scripted, 'work_stalled'), '0');
});

test('work without progress is reported once, and the term goes on', async () => {
  const { scripted, term, stalls } = await leading();
  scripted.run(20);
  assert.deepEqual(stalls, [{ cause: 'progress', forMs: TIMEOUT_MS }]);
  assert.equal(scripted.elector.isLeader, true);
  assert.equal(term.signal.aborted, false);
  assert.equal(value(scripted, 'work_stalled'), '1');
  assert.equal(value(scripted, 'progress_stalls_total'), '1');
  assert.match(scripted.elector.explain().message, /its work has made no progress for 20 s/);
});

test('late progress ends the stall, and the next stall is reported', async () => {
  const { scripted, term, stalls } = await leading();
  scripted.run(10);
  term.progress();
  assert.equal(value(scripted, 'work_stalled'), '0');
  assert.doesNotMatch(scripted.elector.explain().message, /progress/);
  scripted.run(4);
  term.progress();
  scripted.run(4);
  assert.equal(stalls.length, 1);
  scripted.run(2);
  assert.equal(stalls.length, 2);
});

test('work has a second to make progress when the process was suspended', async () => {
  const { scripted, term, stalls } = await leading();
  scripted.clock.stall(60_000);
  term.progress();
  scripted.run(4);
  assert.deepEqual(
    stalls.map(({ cause }) => cause),
    ['event-loop'],
    'its work was not late',
  );
  const stuck = await leading();
  stuck.scripted.clock.stall(60_000);
  assert.deepEqual(
    stuck.stalls.map(({ cause }) => cause),
    ['event-loop'],
  );
  stuck.scripted.run(1);
  assert.deepEqual(
    stuck.stalls.map(({ cause }) => cause),
    ['event-loop', 'progress'],
  );
});

test('a suspension of the event loop is reported with its length, even if this process does not lead', async () => {
  const scripted = new ScriptedElector({ progressTimeoutMs: TIMEOUT_MS });
  const stalls: Stall[] = [];
  scripted.elector.on('stalled', (stall) => stalls.push(stall));
  void scripted.elector.start();
  await promisesSettled();
  scripted.run(3);
  assert.deepEqual(stalls, []);
  scripted.clock.stall(42_000);
  assert.deepEqual(stalls, [{ cause: 'event-loop', forMs: 42_000 }]);
  scripted.run(3);
  assert.equal(stalls.length, 1);
});

test('no progress is expected after the term or without the option', async () => {
  const { scripted, stalls } = await leading();
  void scripted.elector.stop();
  scripted.run(20);
  assert.equal(stalls.length, 0);
  const off = new ScriptedElector();
  off.elector.on('stalled', (stall) => stalls.push(stall));
  const term = await off.lead();
  off.run(600);
  term.progress();
  assert.deepEqual(stalls, []);
});

test('progress of an earlier term does not count for the next one', async () => {
  const { scripted, term, stalls } = await leading();
  void scripted.elector.stepDown();
  await promisesSettled();
  assert.equal(term.signal.aborted, true);
  term.progress();
  scripted.run(4);
  term.progress();
  scripted.run(20);
  assert.deepEqual(stalls, [], 'no timer is left');
});

test('the logger receives one line for a stall', async () => {
  const lines: LogFields[] = [];
  const note = (fields: LogFields): number => lines.push(fields);
  const { scripted } = await leading({ logger: { debug: () => 0, info: () => 0, warn: note, error: note } });
  scripted.run(10);
  const [line, ...others] = lines.filter(({ event }) => event === 'stalled');
  assert.deepEqual([line?.['cause'], line?.['forMs'], others], ['progress', TIMEOUT_MS, []]);
  assert.match(
    String(line?.message),
    /The work of this process, which leads Lease shop\/web, has made no progress for 5 s\./,
  );
});

test('/healthz returns 503 while progress is late, and 200 again after it', async (t) => {
  delete process.env['ELECTOR_PATH'];
  const clock = new ManualClock();
  const scripted = new ScriptedElector(
    { progressTimeoutMs: TIMEOUT_MS, endpoint: { port: 0 }, exportEnv: true },
    clock,
  );
  t.after(() => endOf(scripted));
  const started = scripted.elector.start();
  started.catch(() => undefined);
  await until(() => process.env['ELECTOR_PATH'] !== undefined);
  const port = Number(process.env['ELECTOR_PATH']?.replace('localhost:', ''));
  await promisesSettled();
  const term = await scripted.lead();
  const health = async (): Promise<string> => {
    const answer = await ask(t, port, 'GET /healthz HTTP/1.1');
    return `${answer.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)} ${answer.slice(answer.indexOf('\r\n\r\n') + 4)}`;
  };
  assert.equal(await health(), '200 ok');
  scripted.run(6);
  assert.match(
    await health(),
    /^503 The work of this leader has made no progress for 6 s: term\.progress\(\) was not called\.$/,
  );
  term.progress();
  assert.equal(await health(), '200 ok');
});

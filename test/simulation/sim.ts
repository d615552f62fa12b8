/**
 * `npm run sim`: runs the simulation of one seed with its whole log, or of many seeds on all cores.
 */

import { writeFileSync } from 'node:fs';
import { systemClock } from '../../src/runtime/clock.ts';
import { drawTimeline, type TimelineEvent } from '../../src/testing/index.ts';
import { parseArguments, type Task, USAGE } from './sim-arguments.ts';
import { simulate } from './simulation.ts';
import { Totals } from './totals.ts';
import { runSeeds } from './workers.ts';

/** The run stops after this many failing seeds. */
const MAX_FAILURES = 20;

const USAGE_ERROR = 2;
const INTERRUPTED = 130;
const PROGRESS_EVERY_MS = 500;

/** The interval of progress lines without a terminal, in milliseconds. */
const LOGGED_PROGRESS_EVERY_MS = 60_000;

async function runOne(seed: number, timeline: string | undefined): Promise<void> {
  const recorded: TimelineEvent[] = [];
  const { violation, events, requests, terms, simulatedMs } = await simulate({
    seed,
    log: (line) => console.log(line),
    ...(timeline === undefined ? {} : { record: (event) => recorded.push(event) }),
  });
  const figures = `${events} events, ${requests} requests, ${terms} terms in ${Math.round(simulatedMs / 1000)} simulated seconds`;
  if (timeline !== undefined) {
    const page = drawTimeline(recorded, {
      title: `Simulation of seed ${seed}`,
      summary: figures,
      untilMs: simulatedMs,
    });
    writeFileSync(timeline, page);
  }
  if (violation === null) {
    console.log(`\nseed ${seed}: no invariant is broken: ${figures}`);
    return;
  }
  console.log(`\nseed ${seed}: invariant ${violation.invariant} is broken: ${violation.what}\n(${figures})`);
  process.exitCode = 1;
}

async function runMany({ from, seeds, forMs, json }: Task & { readonly type: 'many' }): Promise<void> {
  const totals = new Totals();
  const over = new AbortController();
  const startedMs = systemClock.nowMs();
  const wallMs = (): number => systemClock.nowMs() - startedMs;
  const whole = forMs === Infinity;
  console.log(whole ? `seeds ${from} to ${from + seeds - 1}` : `seeds from ${from} on, for ${forMs / 60_000} minutes`);
  process.once('SIGINT', () => {
    process.exitCode = INTERRUPTED;
    over.abort();
  });
  const leftMs = (): number => {
    const ms = wallMs();
    return whole ? (ms / Math.max(1, totals.seeds)) * (seeds - totals.seeds) : forMs - ms;
  };
  const stopProgress = showProgress(
    () => `${totals.progress(wallMs())}, ${Math.max(0, Math.round(leftMs() / 1000))} s left`,
  );
  const inTime = function* (): Generator<number> {
    for (let seed = from; seed < from + seeds && wallMs() < forMs; seed += 1) yield seed;
  };
  await runSeeds({
    seeds: inTime(),
    signal: over.signal,
    onResult: (result) => {
      totals.add(result);
      if (result.failure !== null) console.error(`\nseed ${result.seed}: ${result.failure}`);
      if (totals.failures.length >= MAX_FAILURES) over.abort();
    },
  });
  stopProgress();
  console.log(`\n${totals.table(wallMs())}`);
  if (json !== undefined)
    writeFileSync(json, `${JSON.stringify({ from, wallMs: wallMs(), ...totals, gaps: totals.gaps }, null, 2)}\n`);
  if (totals.failures.length === 0) return;
  console.log(`\n${totals.failureList()}`);
  if (totals.failures.length >= MAX_FAILURES) console.log(`Stopped after ${MAX_FAILURES} failing seeds.`);
  process.exitCode ??= 1;
}

/**
 * Shows the progress: one line that is overwritten on a terminal, or one line a minute. Returns a function that ends
 * it.
 */
function showProgress(line: () => string): () => void {
  const { isTTY } = process.stderr;
  const clear = isTTY ? '\r\u001b[K' : '';
  const everyMs = isTTY ? PROGRESS_EVERY_MS : LOGGED_PROGRESS_EVERY_MS;
  let timer = systemClock.setTimer(everyMs, function show() {
    process.stderr.write(isTTY ? `${clear}${line()}` : `${line()}\n`);
    timer = systemClock.setTimer(everyMs, show);
  });
  return () => {
    timer.cancel();
    process.stderr.write(clear);
  };
}

function readTask(): Task {
  try {
    return parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(USAGE_ERROR);
  }
}

// `npm run sim -- --seed N | head` closes the pipe early. That is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

const task = readTask();
if (task.type === 'help') process.stdout.write(USAGE);
else if (task.type === 'one') await runOne(task.seed, task.timeline);
else await runMany(task);

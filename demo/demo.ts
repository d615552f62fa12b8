/**
 * `npm run demo`: starts a cluster, runs the script before a display, judges it (verdict.ts), and ends everything.
 */

import { writeFileSync } from 'node:fs';
import { drawTimeline, type TimelineEvent } from '../src/testing/index.ts';
import { type DemoOptions, readCommandLine, USAGE } from './command-line.ts';
import { startCluster } from './demo-cluster.ts';
import { display } from './display.ts';
import { EventLog } from './event-log.ts';
import { Script, STEPS } from './script.ts';
import { EXIT_FAILURE, type Summary, summarise } from './summary.ts';
import { DEMO_TITLE, formatRecording, timelineOf } from './timeline.ts';
import { judge } from './verdict.ts';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const options = readCommandLine(args);
  if (typeof options !== 'string' && options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const noWindows = 'The demo suspends processes with SIGSTOP, which Windows does not have.';
  if (typeof options === 'string' || process.platform === 'win32') {
    process.stderr.write(`${typeof options === 'string' ? options : noWindows}\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  return await run({ ...options, plain: options.plain || process.stdout.isTTY !== true });
}

async function run({ plain, timeline, record }: DemoOptions): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(new Error('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  // The reader of the output went away, as in `| head`.
  process.stdout.on('error', interrupt);

  const log = new EventLog(interruption.signal);
  const cluster = await startCluster((content) => log.add(content));
  const script = new Script(cluster, log);
  const close = display(log, `embedded API server ${cluster.url}`, plain);
  let summary: Summary;
  try {
    await script.run();
    summary = summarise(STEPS, log.events, cluster.requests.count());
  } catch (error) {
    const broken = { exitCode: EXIT_FAILURE, lines: [`The demo failed: ${error}`] };
    summary = interruption.signal.aborted ? { exitCode: EXIT_INTERRUPTED, lines: ['Interrupted.'] } : broken;
  }
  await script.killAll();
  close(summary.lines);
  await cluster.stop();
  const events = timelineOf(log.events);
  if (record !== undefined) writeFileSync(record, formatRecording(events));
  const { violations } = judge(STEPS, log.events);
  const atMs = events.at(-1)?.atMs ?? 0;
  const broken = violations.map((text): TimelineEvent => ({ atMs, type: 'noted', text, tone: 'violation' }));
  if (timeline !== undefined) writeFileSync(timeline, drawTimeline([...events, ...broken], { title: DEMO_TITLE }));
  return summary.exitCode;
}

process.exitCode = await main(process.argv.slice(2));

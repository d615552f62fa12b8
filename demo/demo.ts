/**
 * `npm run demo`: starts a cluster, runs the script before a display, judges it, and ends everything.
 *
 * The script is in script.ts, the verdict in verdict.ts.
 */

import { readCommandLine, USAGE } from './command-line.ts';
import { DemoCluster } from './demo-cluster.ts';
import { Display } from './display.ts';
import { EventLog } from './event-log.ts';
import { Script, STEPS } from './script.ts';
import { paint } from './styled-row.ts';
import { type Summary, summarise } from './summary.ts';

const EXIT_USAGE = 2;
const EXIT_FAILURE = 1;
const EXIT_INTERRUPTED = 130;

const INTERRUPTIONS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const commandLine = readCommandLine(args);
  if (commandLine.ask === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (commandLine.ask === 'nonsense') {
    process.stderr.write(`${commandLine.message}\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  if (process.platform === 'win32') {
    process.stderr.write('The demo suspends processes with SIGSTOP, which Windows does not have.\n');
    return EXIT_USAGE;
  }
  return await run(commandLine.plain || process.stdout.isTTY !== true);
}

async function run(plain: boolean): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(new Error('interrupted'));
  for (const signal of INTERRUPTIONS) process.on(signal, interrupt);
  // The reader of the output went away, as in `| head`.
  process.stdout.on('error', interrupt);

  const log = new EventLog(interruption.signal);
  const cluster = await DemoCluster.start(log);
  const script = new Script(cluster, log);
  const display = new Display(process.stdout, plain, log, `embedded API server ${cluster.url}`);
  let summary: Summary;
  try {
    await script.run();
    const { requestCount: requests } = cluster;
    summary = summarise({ steps: STEPS, events: log.events, requests, tookMs: log.toMs() });
  } catch (error) {
    summary = breakOff(error, interruption.signal);
  }
  await script.killAll();
  display.close(summary.lines);
  await cluster.stop();
  for (const signal of INTERRUPTIONS) process.off(signal, interrupt);
  return summary.exitCode;
}

function breakOff(error: unknown, interruption: AbortSignal): Summary {
  if (interruption.aborted) return { exitCode: EXIT_INTERRUPTED, lines: ['Interrupted.'] };
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: EXIT_FAILURE, lines: [paint(`The demo broke off: ${message}`, 'bad')] };
}

process.exitCode = await main(process.argv.slice(2));

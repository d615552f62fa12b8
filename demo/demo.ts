/**
 * `npm run demo`: starts a cluster, runs the script before a display, judges it, and ends everything.
 *
 * The script is in script.ts, the verdict in verdict.ts.
 */

import { readCommandLine, USAGE } from './command-line.ts';
import { startCluster } from './demo-cluster.ts';
import { Display } from './display.ts';
import { EventLog } from './event-log.ts';
import { Script, STEPS } from './script.ts';
import { type Summary, summarise } from './summary.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** Returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const commandLine = readCommandLine(args);
  if (commandLine.ask === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  if (commandLine.ask === 'nonsense' || process.platform === 'win32') {
    const noWindows = 'The demo suspends processes with SIGSTOP, which Windows does not have.';
    process.stderr.write(commandLine.ask === 'nonsense' ? `${commandLine.message}\n\n${USAGE}` : `${noWindows}\n`);
    return EXIT_USAGE;
  }
  return await run(commandLine.plain || process.stdout.isTTY !== true);
}

async function run(plain: boolean): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(new Error('interrupted'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt);
  // The reader of the output went away, as in `| head`.
  process.stdout.on('error', interrupt);

  const log = new EventLog(interruption.signal);
  const cluster = await startCluster((content) => log.add(content));
  const script = new Script(cluster, log);
  const display = new Display(process.stdout, plain, log, `embedded API server ${cluster.url}`);
  let summary: Summary;
  try {
    await script.run();
    summary = summarise({ steps: STEPS, events: log.events, requests: cluster.requests.count(), tookMs: log.toMs() });
  } catch (error) {
    const broken = { exitCode: EXIT_FAILURE, lines: [`The demo broke off: ${error}`] };
    summary = interruption.signal.aborted ? { exitCode: EXIT_INTERRUPTED, lines: ['Interrupted.'] } : broken;
  }
  await script.killAll();
  display.close(summary.lines);
  await cluster.stop();
  return summary.exitCode;
}

process.exitCode = await main(process.argv.slice(2));

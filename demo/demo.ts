/**
 * `npm run demo`: sets the stage, has the play performed before a display, judges it, and clears everything away.
 *
 * The script is in play.ts, the judgement in verdict.ts.
 */

import { Chronicle } from './chronicle.ts';
import { embeddedCluster, kubeconfigCluster, UnusableCluster } from './cluster-access.ts';
import type { ClusterAccess } from './cluster-client.ts';
import { readCommandLine, USAGE } from './command-line.ts';
import type { Display } from './display.ts';
import { LiveTable } from './live-table.ts';
import { PlainLines } from './plain-lines.ts';
import { Play, STEPS } from './play.ts';
import { Stage } from './stage.ts';
import { type Line, span } from './styled-text.ts';
import { summarise } from './summary.ts';
import { judge } from './verdict.ts';

const EXIT_VIOLATION = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const INTERRUPTIONS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Answers with the exit code. */
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
  const { kubeconfig, plain } = commandLine;
  try {
    const access = kubeconfig === null ? await embeddedCluster() : await kubeconfigCluster(kubeconfig);
    return await perform(access, plain || process.stdout.isTTY !== true);
  } catch (error) {
    if (!(error instanceof UnusableCluster)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_USAGE;
  }
}

async function perform(access: ClusterAccess, plain: boolean): Promise<number> {
  // A reader that went away (`| head`) must not keep the stage from being cleared.
  process.stdout.on('error', () => undefined);
  const interruption = new AbortController();
  const stage = new Stage(access);
  const chronicle = new Chronicle(interruption.signal);
  const play = new Play(stage, chronicle);
  const display = plain
    ? new PlainLines((text) => process.stdout.write(text), STEPS)
    : new LiveTable({ output: process.stdout, steps: STEPS, chronicle, title: access.title, place: stage.namespace });
  chronicle.listen((happening) => display.show(happening));
  const interrupt = (): void => {
    // The second time, somebody is in a hurry: only the processes are ended.
    if (interruption.signal.aborted) {
      void play.killAll();
      process.exit(EXIT_INTERRUPTED);
    }
    interruption.abort(new Error('interrupted'));
  };
  for (const signal of INTERRUPTIONS) process.on(signal, interrupt);

  let code: number;
  let lines: readonly Line[];
  try {
    await play.perform();
    [code, lines] = conclude(stage, chronicle, display);
  } catch (error) {
    [code, lines] = breakOff(error, interruption.signal);
  }
  await play.killAll();
  display.close(lines);
  // An embedded server is gone in a moment; a cluster takes seconds for a namespace, and nobody should wonder.
  if (stage.takesTimeToRemove) process.stdout.write(`\nRemoving namespace ${stage.namespace} …\n`);
  const left = await stage.remove();
  if (left !== null) process.stderr.write(`${left}\n`);
  for (const signal of INTERRUPTIONS) process.off(signal, interrupt);
  return code;
}

function conclude(stage: Stage, chronicle: Chronicle, { width }: Display): [number, readonly Line[]] {
  const { happenings } = chronicle;
  const verdict = judge(STEPS, happenings);
  const requests = stage.countRequests();
  const lines = summarise({ steps: STEPS, happenings, verdict, requests, tookMs: chronicle.nowMs(), width });
  return [verdict.violations.length === 0 ? 0 : EXIT_VIOLATION, lines];
}

function breakOff(error: unknown, interruption: AbortSignal): [number, readonly Line[]] {
  if (interruption.aborted) return [EXIT_INTERRUPTED, [[span('Interrupted.')]]];
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UnusableCluster) return [EXIT_USAGE, [[span(message, 'bad')]]];
  return [EXIT_VIOLATION, [[span(`The play broke off: ${message}`, 'bad')]]];
}

process.exitCode = await main(process.argv.slice(2));

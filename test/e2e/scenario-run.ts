/**
 * Runs scenarios one after the other on the same system, and prints their table.
 */

import { systemClock } from '../../src/runtime/clock.ts';
import { type Row, table } from './table.ts';

/** Exit codes of the runs. */
export const EXIT = { success: 0, failure: 1, unsuitable: 2, interrupted: 130 } as const;

/** The run cannot work on this machine or cluster: exit code 2. */
export class UnsuitableError extends Error {}

/** One scenario. It rejects when its expectation does not hold. */
export interface Scenario<System> {
  readonly name: string;
  readonly expected: string;
  /** Runs the scenario, and returns the observation. */
  readonly run: (system: System) => Promise<string>;
}

/** Fails a scenario if a condition does not hold. */
export function demand(isSo: boolean, complaint: string): asserts isSo {
  if (!isSo) throw new Error(complaint);
}

interface Outcome {
  readonly row: Row;
  readonly hasFailed: boolean;
}

async function runScenario<System>(scenario: Scenario<System>, system: System): Promise<Outcome> {
  const startMs = systemClock.nowMs();
  const { name, expected } = scenario;
  const seconds = (): string => `${((systemClock.nowMs() - startMs) / 1_000).toFixed(1)} s`;
  try {
    const observed = await scenario.run(system);
    return { row: { name, expected, observed, seconds: seconds() }, hasFailed: false };
  } catch (error) {
    // Only the first line, because a failed command prints many.
    const [message = ''] = (error as Error).message.split('\n');
    return { row: { name, expected, observed: `FAILED: ${message}`, seconds: seconds() }, hasFailed: true };
  }
}

/**
 * Runs the scenarios up to the first failure, because the next ones depend on it, and prints the table.
 *
 * @returns whether every scenario ran and passed
 */
export async function runScenarios<System>(
  scenarios: readonly Scenario<System>[],
  system: System,
  interrupted: AbortSignal,
): Promise<boolean> {
  const rows: Row[] = [];
  let hasFailed = false;
  for (const scenario of scenarios) {
    if (hasFailed || interrupted.aborted) {
      rows.push({ name: scenario.name, expected: scenario.expected, observed: 'not run', seconds: '' });
      continue;
    }
    const outcome = await runScenario(scenario, system);
    rows.push(outcome.row);
    ({ hasFailed } = outcome);
    process.stderr.write(`${hasFailed ? '✗' : '✓'} ${scenario.name} (${outcome.row.seconds})\n`);
  }
  process.stdout.write(table(rows));
  return !hasFailed && !interrupted.aborted;
}

/** Runs a program of this folder. The first Ctrl-C interrupts it. An error becomes a message and an exit code. */
export async function runProgram(name: string, program: (interrupted: AbortSignal) => Promise<boolean>): Promise<void> {
  const interruption = new AbortController();
  // Only once, so that a second Ctrl-C ends a run that hangs.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interruption.abort(new Error('interrupted')));
  }
  try {
    const isGood = await program(interruption.signal);
    process.exitCode = isGood ? EXIT.success : EXIT.failure;
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).message}\n`);
    process.exitCode = error instanceof UnsuitableError ? EXIT.unsuitable : EXIT.failure;
  }
  if (interruption.signal.aborted) process.exitCode = EXIT.interrupted;
}

/**
 * The table of the combinations that the package tests have run (runtime, module system, bundler, test runner), and
 * their outcomes.
 */

import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';

/** The file in which the test files of a run note what they ran. */
const VARIABLE = 'LEASE_ELECTOR_RUN_TABLE';

/** One combination; `-` stands for none. */
export interface Run {
  readonly runtime: string;
  readonly modules: string;
  readonly bundler?: string;
  readonly runner?: string;
}

const COLUMNS = ['runtime', 'modules', 'bundler', 'runner', 'outcome'] as const;

function note(run: Run, outcome: string): void {
  const file = process.env[VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ bundler: '-', runner: '-', ...run, outcome })}\n`);
}

/** Runs a combination, and notes its outcome. */
export async function runNoted(run: Run, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    note(run, 'failed');
    throw error;
  }
  note(run, 'passed');
}

/** Skips a combination, and notes the reason. */
export function skipNoted(t: TestContext, run: Run, reason: string): void {
  note(run, `skipped: ${reason}`);
  t.skip(reason);
}

/** From now on, the test files that start note their runs. */
export function collectRuns(): void {
  process.env[VARIABLE] = join(mkdtempSync(join(tmpdir(), 'lease-elector-runs-')), 'runs.jsonl');
}

/** Prints the table, and removes its file. */
export function printRuns(): void {
  const file = process.env[VARIABLE];
  if (file === undefined) return;
  let rows: Record<(typeof COLUMNS)[number], string>[] = [];
  try {
    rows = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  } catch {
    // No test of this run has noted a combination.
  }
  rmSync(dirname(file), { recursive: true, force: true });
  if (rows.length === 0) return;
  const lines = rows.map((row) => `| ${COLUMNS.map((column) => row[column]).join(' | ')} |`).sort();
  const head = [`| ${COLUMNS.join(' | ')} |`, `|${COLUMNS.map(() => '---|').join('')}`];
  process.stdout.write(`\n${[...head, ...lines].join('\n')}\n\n`);
}

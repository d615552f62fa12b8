/**
 * `npm run e2e`: an election on the cluster that KUBECONFIG names, with real processes, real tokens and the real Role.
 *
 * It needs no node: its Pods have the scheduler `none`, and their processes run on this machine.
 */

import { parseArgs } from 'node:util';
import { systemClock } from '../../src/runtime/clock.ts';
import { ClusterClient, UnsuitableError } from './cluster-client.ts';
import { Election } from './election.ts';
import { overlapsOf } from './leadership-overlap.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { type Row, table } from './table.ts';

const EXIT = { success: 0, failure: 1, unsuitable: 2, interrupted: 130 } as const;
/** How long any one condition may take, in seconds. */
const DEFAULT_PATIENCE = '60';

const USAGE = `Usage: KUBECONFIG=FILE npm run e2e [-- --patience SECONDS]

Runs an election on that cluster, in a namespace of its own, and removes it again. Needs the permission to make
namespaces, Pods, tokens, Roles and RoleBindings.

Exit codes: 0 all as expected, 1 not so, 2 there is no cluster that it can use, 130 interrupted.
`;

interface Outcome {
  readonly row: Row;
  readonly hasFailed: boolean;
}

async function runScenario(scenario: Scenario, election: Election): Promise<Outcome> {
  const startMs = systemClock.nowMs();
  const { name, expected } = scenario;
  try {
    const observed = await scenario.run(election);
    const overlaps = overlapsOf(election.processes);
    if (overlaps.length > 0) throw new Error(`two led: ${overlaps.join('; ')}`);
    return { row: { name, expected, observed, seconds: secondsSince(startMs) }, hasFailed: false };
  } catch (error) {
    const observed = `FAILED: ${(error as Error).message}`;
    return { row: { name, expected, observed, seconds: secondsSince(startMs) }, hasFailed: true };
  }
}

function secondsSince(startMs: number): string {
  return `${((systemClock.nowMs() - startMs) / 1_000).toFixed(1)} s`;
}

/** Runs the scenarios, up to the first that fails: the next ones build on it. */
async function runScenarios(election: Election, interrupted: AbortSignal): Promise<boolean> {
  const rows: Row[] = [];
  let hasFailed = false;
  for (const scenario of SCENARIOS) {
    if (hasFailed || interrupted.aborted) {
      rows.push({ name: scenario.name, expected: scenario.expected, observed: 'not run', seconds: '' });
      continue;
    }
    const outcome = await runScenario(scenario, election);
    rows.push(outcome.row);
    ({ hasFailed } = outcome);
    process.stderr.write(`${hasFailed ? '✗' : '✓'} ${scenario.name} (${outcome.row.seconds})\n`);
  }
  process.stdout.write(table(rows));
  return !hasFailed && !interrupted.aborted;
}

/** The whole run. Returns the exit code. */
async function run(patienceMs: number, interrupted: AbortSignal): Promise<number> {
  const client = await ClusterClient.open(process.env['KUBECONFIG']);
  const election = new Election(client, patienceMs, interrupted);
  process.stdout.write(`cluster ${client.server}, namespace ${election.namespace}\n`);
  let isGood = false;
  try {
    await election.prepare();
    isGood = await runScenarios(election, interrupted);
  } finally {
    await election.remove();
    process.stdout.write(`namespace ${election.namespace} removed\n`);
  }
  if (interrupted.aborted) return EXIT.interrupted;
  return isGood ? EXIT.success : EXIT.failure;
}

function readPatienceMs(): number | null {
  try {
    const { patience } = parseArgs({ options: { patience: { type: 'string', default: DEFAULT_PATIENCE } } }).values;
    return /^[1-9]\d{0,3}$/.test(patience) ? Number(patience) * 1_000 : null;
  } catch {
    return null;
  }
}

const interruption = new AbortController();
// Once: a second Ctrl-C ends a run that hangs.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => interruption.abort(new Error('interrupted')));
}

const patienceMs = readPatienceMs();
if (patienceMs === null) {
  process.stderr.write(USAGE);
  process.exitCode = EXIT.unsuitable;
} else {
  try {
    process.exitCode = await run(patienceMs, interruption.signal);
  } catch (error) {
    process.stderr.write(`e2e: ${(error as Error).message}\n`);
    process.exitCode = error instanceof UnsuitableError ? EXIT.unsuitable : EXIT.failure;
  }
}

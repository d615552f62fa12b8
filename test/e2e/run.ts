/**
 * `npm run e2e`: an election on the cluster that KUBECONFIG names, with real processes, real tokens and the real Role.
 *
 * It needs no node: its Pods have the scheduler `none`, and their processes run on this machine.
 */

import { parseArgs } from 'node:util';
import { ClusterClient } from './cluster-client.ts';
import { Election } from './election.ts';
import { runProgram, runScenarios, UnsuitableError } from './scenario-run.ts';
import { SCENARIOS } from './scenarios.ts';

/** The longest time for each condition, in seconds. */
const DEFAULT_PATIENCE = '60';

const USAGE = `Usage: KUBECONFIG=FILE npm run e2e [-- --patience SECONDS]

Runs an election on that cluster, in a new namespace that it removes at the end. Needs the permission to create
namespaces, Pods, tokens, Roles and RoleBindings.

Exit codes: 0 every scenario passes, 1 a scenario fails, 2 no suitable cluster, 130 interrupted.
`;

function readPatienceMs(): number {
  let patience: string;
  try {
    ({ patience } = parseArgs({ options: { patience: { type: 'string', default: DEFAULT_PATIENCE } } }).values);
  } catch (error) {
    throw new UnsuitableError(`${(error as Error).message}\n\n${USAGE}`);
  }
  if (!/^[1-9]\d{0,3}$/.test(patience)) {
    throw new UnsuitableError(`--patience ${patience} is not a number of seconds\n\n${USAGE}`);
  }
  return Number(patience) * 1_000;
}

async function run(interrupted: AbortSignal): Promise<boolean> {
  const patienceMs = readPatienceMs();
  const client = await ClusterClient.open(process.env['KUBECONFIG']);
  const election = new Election(client, patienceMs, interrupted);
  process.stdout.write(`cluster ${client.server}, namespace ${election.namespace}\n`);
  try {
    await election.prepare();
    return await runScenarios(SCENARIOS, election, interrupted);
  } finally {
    await election.remove();
    process.stdout.write(`namespace ${election.namespace} removed\n`);
  }
}

await runProgram('e2e', run);

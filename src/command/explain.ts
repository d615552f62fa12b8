/**
 * `lease-elector explain`: explains why there is or is not a leader, for the person on call.
 */

import type { Answer } from '../explain/onlooker.ts';
import { isName } from '../kube/object-name.ts';
import { systemClock } from '../runtime/clock.ts';
import { quote } from '../runtime/quotation.ts';
import { parsedArguments } from './arguments.ts';
import { CLUSTER_OPTIONS, CLUSTER_USAGE, openCluster, type ReadableCluster } from './cluster.ts';
import { type LeaseReport, lookAt, lookAtAll } from './lease-look.ts';
import { explanationText } from './lease-text.ts';
import { answering, parseOrComplain, worstOf } from './question.ts';
import { ANSWER, type CommandProcess, type Verb } from './verb.ts';

const USAGE = `Usage: lease-elector explain [LEASE] [options]

Reads the Lease, the Pod that owns it, and the node of that Pod. Explains why there is or is not a leader, since when, what
would end the situation, and which command helps. It changes nothing, and runs no command. Without LEASE: each Lease of this
library in the namespace.

Exit code: 0 a leader, 1 no leader, 2 unknown. With several Leases: 1 if a Lease has no leader, otherwise 2 if the
answer for a Lease is unknown.

${CLUSTER_USAGE}`;

/** The verb `explain`. */
export const explain: Verb = {
  usage: USAGE,
  async run(args, process) {
    const { values, positionals } = parseOrComplain(() =>
      parsedArguments({ args: [...args], options: CLUSTER_OPTIONS, allowPositionals: true }),
    );
    const [lease, ...others] = positionals;
    parseOrComplain(() => checkLease(lease, others));
    return answering(values.json, process, async () => {
      const cluster = await openCluster(values, process.environment ?? globalThis.process.env, process.complain);
      try {
        return print(await reportsOf(cluster, lease), cluster, values.json, process);
      } finally {
        cluster.close();
      }
    });
  },
};

function checkLease(lease: string | undefined, others: readonly string[]): void {
  if (others.length > 0) throw new Error(`Unexpected argument ${quote(others[0] ?? '')}. Give one LEASE at a time`);
  if (lease !== undefined && !isName('Lease', lease)) throw new Error(`${quote(lease)} is not a valid name of a Lease`);
}

async function reportsOf(cluster: ReadableCluster, lease: string | undefined): Promise<readonly LeaseReport[]> {
  const { client, namespace } = cluster;
  if (lease !== undefined) return [await lookAt(client, namespace, lease, systemClock)];
  const all = await lookAtAll(client, namespace, systemClock);
  if (!all.ok) throw new Error(all.failure.message);
  return all.value;
}

function print(
  reports: readonly LeaseReport[],
  { namespace }: ReadableCluster,
  json: boolean,
  process: CommandProcess,
): number {
  const answer: Answer = worstOf(reports.map((report) => report.answer));
  if (json) process.write(`${JSON.stringify({ answer, leases: reports }, null, 2)}\n`);
  else if (reports.length === 0) process.write(nothingFound(namespace));
  else process.write(reports.map((report) => explanationText(report, systemClock.wallMs())).join('\n'));
  return ANSWER[answer];
}

function nothingFound(namespace: string): string {
  return (
    `Nobody leads: there is no Lease of this library in namespace ${namespace}. ` +
    'List all namespaces with `lease-elector list -A`, or name the Lease: it may have another label.\n'
  );
}

/**
 * `lease-elector list`: the Leases of this library as a table.
 */

import { systemClock } from '../runtime/clock.ts';
import { parsedArguments } from './arguments.ts';
import { CLUSTER_OPTIONS, CLUSTER_USAGE, openCluster } from './cluster.ts';
import { type LeaseReport, lookAtAll } from './lease-look.ts';
import { podText } from './lease-text.ts';
import { answering, parseOrComplain, worstOf } from './question.ts';
import { ageText, tableLines } from './table.ts';
import { ANSWER, type Verb } from './verb.ts';

const USAGE = `Usage: lease-elector list [options]

Lists the Leases of this library: holder, state of the holder's Pod, token of the term, age of the last renewal, and whether
there is a leader. TOKEN is an upper bound, because each renewal changes the resourceVersion. REASON is the reason of
\`lease-elector explain\`.

Exit code: 0 each Lease has a leader, 1 a Lease has no leader or there is no Lease, 2 unknown.

  -A, --all-namespaces  look into all namespaces
${CLUSTER_USAGE}`;

const OPTIONS = {
  ...CLUSTER_OPTIONS,
  'all-namespaces': { type: 'boolean', short: 'A', default: false },
} as const;

const LEADER_WORDS = { leader: 'yes', none: 'no', unknown: '?' } as const;

/** The verb `list`. */
export const list: Verb = {
  usage: USAGE,
  async run(args, process) {
    const { values } = parseOrComplain(() => parsedArguments({ args: [...args], options: OPTIONS }));
    return answering(values.json, process, async () => {
      const cluster = await openCluster(values, process.environment ?? globalThis.process.env, process.complain);
      try {
        const namespace = values['all-namespaces'] ? '' : cluster.namespace;
        const all = await lookAtAll(cluster.client, namespace, systemClock);
        if (!all.ok) throw new Error(all.failure.message);
        const answer = worstOf(all.value.map((report) => report.answer));
        if (values.json) process.write(`${JSON.stringify({ answer, leases: all.value }, null, 2)}\n`);
        else if (all.value.length === 0) process.write(`There is no Lease of this library in ${placeOf(namespace)}.\n`);
        else process.write(`${tableOf(all.value, namespace === '').join('\n')}\n`);
        return ANSWER[answer];
      } finally {
        cluster.close();
      }
    });
  },
};

function placeOf(namespace: string): string {
  return namespace === '' ? 'any namespace' : `namespace ${namespace}`;
}

function tableOf(reports: readonly LeaseReport[], withNamespace: boolean): readonly string[] {
  const heads = ['NAME', 'HOLDER', 'POD', 'TOKEN', 'RENEWED', 'LEADER', 'REASON'];
  const rows = reports.map(({ lease, leaseObject, ownerPod, holderPod, answer, reason }) => {
    const cells = [
      lease?.name ?? '',
      leaseObject?.owner?.name ?? (leaseObject?.holderIdentity || '-'),
      podText(ownerPod, holderPod),
      `<=${leaseObject?.resourceVersion ?? ''}`,
      ageText(leaseObject?.renewalAgeMs ?? null),
      LEADER_WORDS[answer],
      reason,
    ];
    return withNamespace ? [lease?.namespace ?? '', ...cells] : cells;
  });
  return tableLines(withNamespace ? ['NAMESPACE', ...heads] : heads, rows);
}

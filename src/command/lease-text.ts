/**
 * The text about a Lease, for people.
 */

import type { HolderPod } from '../explain/explanation.ts';
import type { Answer } from '../explain/onlooker.ts';
import { printable } from '../explain/wording.ts';
import type { LeaseReport } from './lease-look.ts';
import { ageText } from './table.ts';

const HEADS: Readonly<Record<Answer, string>> = {
  leader: 'has a leader',
  none: 'no leader',
  unknown: 'cannot tell',
};

/** The paragraph about one Lease. */
export function explanationText(report: LeaseReport, wallMs: number): string {
  const { lease, answer, leaseObject, since } = report;
  const title = lease === null ? 'Lease' : `Lease ${lease.namespace}/${lease.name}`;
  const ago = (date: Date): string => `${date.toISOString()} (${ageText(wallMs - date.getTime())} ago)`;
  const facts: readonly (readonly [label: string, value: string | null])[] = [
    ['reason', report.reason],
    // This line follows the reason. After the term, it would look like the end of the term.
    ['state ends', `when ${report.endsWhen}`],
    ['holder', holderText(report)],
    ['node', nodeText(report)],
    ['term since', leaseObject?.acquireTime == null ? null : ago(leaseObject.acquireTime)],
    ['state from', since === null || since.getTime() === leaseObject?.acquireTime?.getTime() ? null : ago(since)],
    ['renewed', renewalText(report, ago)],
    ['token', leaseObject === null ? null : `at most ${leaseObject.resourceVersion}`],
    ['collector', collectorText(report)],
    ['command', report.command === null ? null : `${report.command}    # not run`],
    ['caution', report.caution],
  ];
  const lines = facts.flatMap(([label, value]) => (value === null ? [] : [`  ${label.padEnd(11)}${printable(value)}`]));
  return `${title}: ${HEADS[answer]}\n  ${report.message}\n\n${lines.join('\n')}\n`;
}

function holderText({ leaseObject, holderPod, ownerPod }: LeaseReport): string | null {
  if (leaseObject === null) return null;
  const { owner, holderIdentity } = leaseObject;
  if (owner === null) return holderIdentity ? `"${holderIdentity}", no Pod` : null;
  return `Pod ${owner.name} (uid ${owner.uid}): ${podText(ownerPod, holderPod)}`;
}

/** The state of the Pod that owns a Lease, in a few words. */
export function podText(ownerPod: LeaseReport['ownerPod'], pod: HolderPod | null): string {
  if (ownerPod === 'none') return '-';
  if (ownerPod !== 'exists') return ownerPod;
  if (pod === null) return 'gone';
  const phase = pod.terminating ? 'Terminating' : (pod.phase ?? 'no status');
  const more = [
    pod.reason,
    pod.waiting?.reason ?? null,
    pod.phase === 'Running' && pod.ready === false ? 'not Ready' : null,
  ].filter((word) => word !== null);
  return more.length === 0 ? phase : `${phase} (${more.join(', ')})`;
}

function nodeText({ node, ownerNode, holderPod }: LeaseReport): string | null {
  const name = node?.name ?? holderPod?.nodeName ?? null;
  if (name === null) return null;
  if (node === null) return `${name} (${ownerNode === 'gone' ? 'does not exist' : 'could not be read'})`;
  const why = node.reason === null ? '' : ` (${node.reason})`;
  const since = node.readySince === null ? '' : ` since ${node.readySince.toISOString()}`;
  return node.ready === 'True' ? `${name}: Ready` : `${name}: Ready is ${node.ready ?? 'not reported'}${why}${since}`;
}

function renewalText({ leaseObject, ownerPod }: LeaseReport, ago: (date: Date) => string): string | null {
  if (leaseObject === null) return null;
  const { renewTime, renewalAgeMs, leaseDurationSeconds } = leaseObject;
  if (renewTime === null || renewalAgeMs === null) return 'never';
  const isLate = leaseDurationSeconds !== null && renewalAgeMs >= leaseDurationSeconds * 1000;
  const late = `longer ago than its duration of ${leaseDurationSeconds} s`;
  if (!isLate) return `${ago(renewTime)}, valid for ${leaseDurationSeconds ?? 'ever'} s`.replace('ever s', 'ever');
  return `${ago(renewTime)}, ${late}${ownerPod === 'exists' ? '. A late renewal does not end a term: a leader leads until its Pod is gone' : ''}`;
}

function collectorText({ leftByCollector, leaseObject }: LeaseReport): string | null {
  if (leaseObject === null) return null;
  const { terminating, finalizers } = leaseObject;
  const notes = [
    leftByCollector ? 'the owner is gone, and the Lease is not collected yet' : null,
    terminating ? 'the Lease has a deletionTimestamp' : null,
    finalizers.length > 0 ? `finalizers: ${finalizers.join(', ')}` : null,
  ].filter((note) => note !== null);
  return notes.length === 0 ? null : notes.join('; ');
}

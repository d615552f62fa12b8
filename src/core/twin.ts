/**
 * Detects another process that leads in the name of this Pod: a mirrored process, a cloned machine, a restored
 * checkpoint.
 *
 * The sibling lock keeps two processes of one Pod apart, but not across network namespaces. A leader records the writes
 * that it sends, so any other write in its name comes from a twin.
 *
 * A late write of the previous process cannot cause a false alarm after a resumption by a renewal. Its precondition is
 * an older version, which the renewal has replaced. If renewals are refused, the term is resumed by a read, and one
 * late renewal of the previous process may be executed. That false alarm lasts for one `leaseDurationSeconds` and is
 * accepted. A person who edits renewTime also causes a false alarm.
 */

import type { Input } from './input.ts';
import { compareResourceVersions, type LeaseRecord } from './lease-record.ts';
import { SENT_RENEWALS_KEPT } from './renewal.ts';
import type { ElectionConfig, Knowledge, LeaderRole } from './state.ts';
import type { StepContext } from './step-context.ts';
import { twinWarning } from './warnings.ts';

/** Whether another process wrote in the name of this Pod within the last `leaseDurationSeconds`. */
export function isTwinSuspected({ twinSeenAtMs }: Knowledge, config: ElectionConfig, nowMs: number): boolean {
  return twinSeenAtMs !== null && nowMs - twinSeenAtMs < config.leaseDurationSeconds * 1000;
}

/** Checks whether this input shows a write of a twin. */
export function noteTwin(context: StepContext, role: LeaderRole, input: Input): void {
  const { lease, config, before, knowledge } = context;
  const known = before.observation?.lease ?? null;
  if (lease?.owner?.uid === config.self.uid && isRefusedForOwnLease(role, input)) return suspect(context);
  if (lease === null || lease.resourceVersion === known?.resourceVersion) return;
  // If a backup was restored, the Lease is older than the known Lease, and no process has written it since.
  if (compareResourceVersions(lease.resourceVersion, before.newestResourceVersion) < 0) return;
  if (lease.owner?.uid !== config.self.uid) return;
  const { renewTimeMs } = lease;
  const { sentRenewTimesMs } = knowledge;
  if (input.type === 'leaseWritten' && isOwnRequest(role, input.request)) {
    // An admission webhook may have changed the time that was sent.
    if (renewTimeMs !== null && !sentRenewTimesMs.includes(renewTimeMs)) {
      context.updateKnowledge({ sentRenewTimesMs: [...sentRenewTimesMs, renewTimeMs].slice(-SENT_RENEWALS_KEPT) });
    }
    return;
  }
  // A create that is in flight, or whose answer was lost, may have created this Lease. An earlier Lease of this Pod may
  // reappear when an event reported its deletion too early.
  const isForeignLease =
    isOtherLease(context, lease) && !role.createOutcomeUnknown && (role.restoring?.creation ?? null) === null;
  if (isForeignRenewal(lease, known, knowledge) || isForeignLease) suspect(context);
}

/**
 * Checks whether the Lease was written in the name of this Pod after `proof`, the Lease in the answer that began the
 * term. Events may have overtaken that answer.
 */
export function noteTwinBefore(context: StepContext, role: LeaderRole, proof: LeaseRecord): void {
  const { lease, config, knowledge } = context;
  if (lease === null || lease.owner?.uid !== config.self.uid) return;
  // After a backup was restored, the Lease as last seen may be older than `proof`. No process has written it since.
  if (compareResourceVersions(lease.resourceVersion, proof.resourceVersion) <= 0) return;
  const isOther = lease.uid !== proof.uid;
  if (isForeignRenewal(lease, proof, knowledge) || (isOther && !role.createOutcomeUnknown)) suspect(context);
  else if (isOther) context.role = { ...role, createOutcomeUnknown: false };
}

/**
 * Returns the role after this input. A create with an unknown outcome explains one unexpected Lease of this Pod. The
 * next such Lease comes from a twin.
 */
export function explainCreation(context: StepContext, role: LeaderRole): LeaderRole {
  const { lease, config } = context;
  const isExplained =
    role.createOutcomeUnknown &&
    role.restoring === null &&
    lease?.owner?.uid === config.self.uid &&
    isOtherLease(context, lease);
  return isExplained ? { ...role, createOutcomeUnknown: false } : role;
}

/** Whether this Lease shows a renewal that was neither known before nor sent by this process. */
function isForeignRenewal(
  { renewTimeMs }: LeaseRecord,
  known: LeaseRecord | null,
  { sentRenewTimesMs }: Knowledge,
): boolean {
  return renewTimeMs !== null && renewTimeMs !== known?.renewTimeMs && !sentRenewTimesMs.includes(renewTimeMs);
}

/** Whether this Lease is not the Lease that was known before. */
function isOtherLease({ before }: StepContext, lease: LeaseRecord): boolean {
  return lease.uid !== (before.observation?.lease?.uid ?? before.knownHolder?.leaseUid);
}

/**
 * Whether the Lease seemed to be the result of a create, but that create was refused because the Lease already existed.
 */
function isRefusedForOwnLease(role: LeaderRole, input: Input): boolean {
  return (
    input.type === 'requestFailed' &&
    input.request === role.overtakenCreation &&
    input.failure.kind === 'alreadyExists' &&
    !role.createOutcomeUnknown
  );
}

function suspect(context: StepContext): void {
  context.updateKnowledge({ twinSeenAtMs: context.moment.nowMs });
  context.warn(twinWarning(context.config));
}

function isOwnRequest(role: LeaderRole, request: number): boolean {
  return role.renewal === request || role.restoring?.creation === request;
}

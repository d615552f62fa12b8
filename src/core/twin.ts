/**
 * Another process that leads in the name of this Pod: a mirrored process, a cloned machine, a restored checkpoint.
 *
 * The sibling lock keeps two processes of one Pod apart, but not across network namespaces. A leader knows what it sent,
 * so a write in its name that it did not send comes from a twin.
 *
 * No late write can raise a false alarm after a resumption by a renewal: the process that ran before sent its write on
 * top of an older version, and the renewal that proved the resumption has replaced that version. Where renewals are
 * refused the term is resumed by a read, and one late renewal of the process before may arrive: that alarm lasts for one
 * `leaseDurationSeconds` and is accepted. So is one for a person who edits renewTime.
 */

import type { Input } from './input.ts';
import { compareResourceVersions } from './lease-record.ts';
import { SENT_RENEWALS_KEPT } from './renewal.ts';
import type { ElectionConfig, Knowledge, LeaderRole } from './state.ts';
import type { StepContext } from './step-context.ts';

/** Whether another process wrote in the name of this Pod within the last `leaseDurationSeconds`. */
export function isTwinSuspected({ twinSeenAtMs }: Knowledge, config: ElectionConfig, nowMs: number): boolean {
  return twinSeenAtMs !== null && nowMs - twinSeenAtMs < config.leaseDurationSeconds * 1000;
}

/** A leader looks whether this input shows a write of a twin. */
export function noteTwin(context: StepContext, role: LeaderRole, input: Input): void {
  const { lease, config, before, knowledge } = context;
  const known = before.observation?.lease ?? null;
  if (lease?.owner?.uid === config.self.uid && isRefusedForOwnLease(role, input)) return suspect(context);
  if (lease === null || lease.resourceVersion === known?.resourceVersion) return;
  // A backup was restored: what is older than what was known, nobody has written since.
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
  const isForeignRenewal =
    renewTimeMs !== null && renewTimeMs !== known?.renewTimeMs && !sentRenewTimesMs.includes(renewTimeMs);
  // A create that is under way, or whose answer was lost, may have made it. One that was held before may be back: an
  // event said too early that it is gone.
  const isForeignLease =
    lease.uid !== (known?.uid ?? before.knownHolder?.leaseUid) &&
    !role.createOutcomeUnknown &&
    (role.restoring?.creation ?? null) === null;
  if (isForeignRenewal || isForeignLease) suspect(context);
}

/**
 * The role after this input. A create whose outcome is unknown explains one Lease that nobody here is known to have
 * created: the next one comes from a twin.
 */
export function explainCreation(context: StepContext, role: LeaderRole): LeaderRole {
  const { lease, config, before } = context;
  const knownUid = before.observation?.lease?.uid ?? before.knownHolder?.leaseUid;
  const isExplained =
    role.createOutcomeUnknown && role.restoring === null && lease !== null && lease.owner?.uid === config.self.uid;
  return isExplained && lease.uid !== knownUid ? { ...role, createOutcomeUnknown: false } : role;
}

/** The Lease was taken for the result of a create, but that create found it there already. */
function isRefusedForOwnLease(role: LeaderRole, input: Input): boolean {
  return (
    input.type === 'requestFailed' &&
    input.request === role.overtakenCreation &&
    input.failure.kind === 'alreadyExists' &&
    !role.createOutcomeUnknown
  );
}

function suspect(context: StepContext): void {
  const { config } = context;
  context.updateKnowledge({ twinSeenAtMs: context.moment.nowMs });
  const { namespace, leaseName, self } = config;
  context.warn(
    'twin',
    `Lease ${namespace}/${leaseName} was written in the name of Pod ${self.name} (uid ${self.uid}), and not by this process. ` +
      'Most likely two processes lead: a mirrored process, a cloned machine or a restored checkpoint has the same token. End ' +
      'one of them. A person who edits renewTime causes the same warning. Until then confirm() rejects and no leaderOnly job runs.',
  );
}

function isOwnRequest(role: LeaderRole, request: number): boolean {
  return role.renewal === request || role.restoring?.creation === request;
}

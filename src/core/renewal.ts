/**
 * Sends renewals, and limits their frequency. `leader.ts`, `candidate.ts` and `term.ts` decide when a renewal is due.
 */

import { renewedContent } from './lease-content.ts';
import type { LeaseRecord } from './lease-record.ts';
import type { StepContext } from './step-context.ts';

/**
 * The shortest time between two renewals, in milliseconds, whatever the reason for the second. Without it, an admission
 * webhook that changes every renewal, or a controller that reacts to each, would cause renewals as fast as the network
 * allows. A shorter `renewIntervalMs` replaces this value.
 */
export const RENEWAL_LEAST_INTERVAL_MS = 1_000;

/**
 * The number of sent renewTimes that are kept. At one a second they cover 64 s, and an API server executes no request
 * that is older than a minute (its `--request-timeout`).
 */
export const SENT_RENEWALS_KEPT = 64;

/** The time until the next renewal can be sent, in milliseconds. */
export function renewalPauseMs({ config, knowledge, moment }: StepContext): number {
  const intervalMs = Math.min(RENEWAL_LEAST_INTERVAL_MS, config.renewIntervalMs);
  return Math.max(0, knowledge.renewalSentAtMs + intervalMs - moment.nowMs);
}

/** Sends a renewal based on `lease`, and returns the number of the request. */
export function sendRenewal(context: StepContext, lease: LeaseRecord): number {
  const { nowMs, wallMs } = context.moment;
  const request = context.newRequest();
  const sentRenewTimesMs = [...context.knowledge.sentRenewTimesMs, wallMs].slice(-SENT_RENEWALS_KEPT);
  context.updateKnowledge({ renewalSentAtMs: nowMs, sentRenewTimesMs });
  context.emit({ type: 'replaceLease', request, lease, content: renewedContent(context, lease) });
  return request;
}

/**
 * The time after which a renewal counts as overdue, in milliseconds: half an interval late. A process that does not
 * lead then reads the Lease, because its watch may be dead.
 */
export function overdueMs({ config }: StepContext): number {
  return config.renewIntervalMs * 1.5;
}

/** Sets the timer that detects the silence of the holder, if the Lease shows that it is renewed. */
export function awaitRenewal(context: StepContext): void {
  const { lease } = context;
  if (lease === null || lease.renewTimeMs === null || lease.leaseDurationSeconds === null) return;
  context.setTimer('stale', Math.min(overdueMs(context), lease.leaseDurationSeconds * 1000));
}

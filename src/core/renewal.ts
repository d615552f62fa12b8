/**
 * How a renewal is sent, and how often at most. When one is due is decided in `leader.ts`, `candidate.ts` and `term.ts`.
 */

import { renewedContent } from './lease-content.ts';
import type { LeaseRecord } from './lease-record.ts';
import type { StepContext } from './step-context.ts';

/**
 * The least time between two renewals, in milliseconds, whatever the reason for the second. An admission webhook that
 * changes every renewal, or a controller that answers each, would otherwise be fought as fast as the network allows.
 * A shorter `renewIntervalMs` takes its place.
 */
export const RENEWAL_LEAST_INTERVAL_MS = 1_000;

/**
 * So many of the renewTimes that were sent are remembered. At one a second they cover 64 s, and an API server carries
 * out no request that is older than a minute (its `--request-timeout`).
 */
export const SENT_RENEWALS_KEPT = 64;

/** How long until the next renewal can be sent, in milliseconds. */
export function renewalPauseMs({ config, knowledge, moment }: StepContext): number {
  const intervalMs = Math.min(RENEWAL_LEAST_INTERVAL_MS, config.renewIntervalMs);
  return Math.max(0, knowledge.renewalSentAtMs + intervalMs - moment.nowMs);
}

/** Sends a renewal on top of `lease`, and returns the number of the request. */
export function sendRenewal(context: StepContext, lease: LeaseRecord): number {
  const { nowMs, wallMs } = context.moment;
  const request = context.newRequest();
  const sentRenewTimesMs = [...context.knowledge.sentRenewTimesMs, wallMs].slice(-SENT_RENEWALS_KEPT);
  context.updateKnowledge({ renewalSentAtMs: nowMs, sentRenewTimesMs });
  context.emit({ type: 'replaceLease', request, lease, content: renewedContent(context, lease) });
  return request;
}

/** A renewal that is half an interval late, in milliseconds, makes a follower doubt its own watch. */
export function overdueMs({ config }: StepContext): number {
  return config.renewIntervalMs * 1.5;
}

/** Has the silence of the holder noticed, where the Lease says that it is renewed. */
export function awaitRenewal(context: StepContext): void {
  const { lease } = context;
  if (lease === null || lease.renewTimeMs === null || lease.leaseDurationSeconds === null) return;
  context.setTimer('stale', Math.min(overdueMs(context), lease.leaseDurationSeconds * 1000));
}

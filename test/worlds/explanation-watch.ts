/**
 * Compares the explanations of `explain()` with the truth: the objects of the API server, and the processes that lead.
 * An explanation may be late by a bound, because a process receives its facts over a network.
 */

import type { Explanation } from '../../src/index.ts';

/** "All is well" and "nobody leads" may be out of date by at most this many milliseconds. */
export const LATENESS_MS = 30_000;

/** A renewal is missing when the last one is older than this, in milliseconds: the duration of the Lease. */
const RENEWAL_BOUND_MS = 30_000;

/** The state of the cluster, as seen from outside. */
export interface Truth {
  readonly nowMs: number;
  /** The uid of the Pod that owns the Lease. `null`: the Lease has no owner, or there is no Lease. */
  readonly ownerUid: string | null;
  /** Whether that Pod exists and is not reported as unready, failed or finished. */
  readonly ownerReady: boolean;
  /** When the Lease was last renewed. */
  readonly renewedAtMs: number;
  /** The uids of the existing Pods in which a running process leads. */
  readonly leading: ReadonlySet<string>;
}

/** A process whose explanations are checked. */
export interface Explainer {
  readonly name: string;
  readonly leads: boolean;
  /** The time of its monotonic clock. Its lateness is measured on this clock. */
  readonly ownMs: number;
  /** Changes after each suspension and each jump of its clock. The allowed lateness begins again then. */
  readonly interruption: unknown;
  readonly explain: () => Explanation;
}

/** The contradiction between an explanation and the truth at this moment, in words. `null` when there is none. */
export function contradictionOf({ message, reason }: Explanation, truth: Truth): string | null {
  if (/all is well/.test(message)) {
    if (truth.ownerUid === null || !truth.leading.has(truth.ownerUid))
      return `explains "${message}", but no live process leads`;
    if (!truth.ownerReady) return `explains "${message}", but the Pod of the leader is not ready`;
    if (truth.nowMs - truth.renewedAtMs > RENEWAL_BOUND_MS)
      return `explains "${message}", but the Lease is not renewed`;
  }
  if (/^Nobody leads/.test(message) && truth.ownerUid !== null && truth.leading.has(truth.ownerUid)) {
    return `explains "${message}" (${reason}), but a live process leads`;
  }
  return null;
}

/** Finds explanations that contradict the truth for too long. */
export class ExplanationWatch<Process extends object> {
  readonly #latenessMs: number;
  readonly #since = new Map<Process, { readonly ownMs: number; readonly allowance: string }>();

  constructor(latenessMs: number = LATENESS_MS) {
    this.#latenessMs = latenessMs;
  }

  /** The contradiction in the explanation of this process. `null` when there is none, or when it may still be late. */
  check(process: Process, { name, leads, ownMs, interruption, explain }: Explainer, truth: Truth): string | null {
    const explanation = explain();
    const claimsToLead = explanation.reason.startsWith('leading');
    // Whether a process leads is its own state, so no delay is allowed.
    if (claimsToLead !== leads)
      return `${name} explains "${explanation.message}", but ${leads ? 'leads' : 'does not lead'}`;
    const contradiction = contradictionOf(explanation, truth);
    const since = this.#since.get(process);
    // In a crash loop, the leader may have led between two checks. Each renewal proves that.
    const allowance = `${interruption} ${/all is well/.test(explanation.message) ? truth.renewedAtMs : ''}`;
    if (contradiction === null) this.#since.delete(process);
    else if (since === undefined || since.allowance !== allowance) this.#since.set(process, { ownMs, allowance });
    else if (ownMs - since.ownMs > this.#latenessMs) return `${name} ${contradiction}`;
    return null;
  }
}

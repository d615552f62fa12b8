/**
 * Compares what `explain()` says with what is so, as seen from outside: the objects of the API server, and which processes
 * lead. A sentence may be late by a bound, since a process learns of everything over a network.
 */

import type { Explanation } from '../../src/index.ts';

/** "All is well" and "nobody leads" may be so many milliseconds out of date. */
export const LATENESS_MS = 30_000;

/** A renewal is missing when the last one is older than this, in milliseconds: the duration of the Lease. */
const RENEWAL_BOUND_MS = 30_000;

/** What is so. */
export interface Truth {
  readonly nowMs: number;
  /** The uid of the Pod that owns the Lease; `null`: none does, or there is no Lease. */
  readonly ownerUid: string | null;
  /** Whether that Pod exists and is not reported as unready, failed or finished. */
  readonly ownerReady: boolean;
  /** When the Lease was last renewed. */
  readonly renewedAtMs: number;
  /** The uids of the Pods that exist and of which a process leads that runs. */
  readonly leading: ReadonlySet<string>;
}

/** A process that explains. */
export interface Explainer {
  readonly name: string;
  readonly leads: boolean;
  /** Its monotonic clock: what it can be late by is counted on it. */
  readonly ownMs: number;
  /** Changes whenever it stood still, or its clock jumped: it is given time again. */
  readonly interruption: unknown;
  readonly explain: () => Explanation;
}

/** What contradicts the truth at this moment, in words; `null` when nothing does. */
export function contradictionOf({ message, reason }: Explanation, truth: Truth): string | null {
  if (/all is well/.test(message)) {
    if (truth.ownerUid === null || !truth.leading.has(truth.ownerUid))
      return `says "${message}", but no live process leads`;
    if (!truth.ownerReady) return `says "${message}", but the Pod of the leader is not ready`;
    if (truth.nowMs - truth.renewedAtMs > RENEWAL_BOUND_MS) return `says "${message}", but nobody renews`;
  }
  if (/^Nobody leads/.test(message) && truth.ownerUid !== null && truth.leading.has(truth.ownerUid)) {
    return `says "${message}" (${reason}), but a live process leads`;
  }
  return null;
}

/** Watches every process for a contradiction that lasts. */
export class ExplanationWatch<Process extends object> {
  readonly #latenessMs: number;
  readonly #since = new Map<Process, { readonly ownMs: number; readonly given: string }>();

  constructor(latenessMs: number = LATENESS_MS) {
    this.#latenessMs = latenessMs;
  }

  /** What is wrong with the explanation of this process; `null` when nothing is, or it may still be late. */
  look(process: Process, { name, leads, ownMs, interruption, explain }: Explainer, truth: Truth): string | null {
    const explanation = explain();
    const saysThatItLeads = explanation.reason.startsWith('leading');
    // A process knows without delay whether it leads itself.
    if (saysThatItLeads !== leads)
      return `${name} says "${explanation.message}", and ${leads ? 'leads' : 'does not lead'}`;
    const contradiction = contradictionOf(explanation, truth);
    const since = this.#since.get(process);
    // A leader that crashes again and again led between two looks: each renewal proves it.
    const given = `${interruption} ${/all is well/.test(explanation.message) ? truth.renewedAtMs : ''}`;
    if (contradiction === null) this.#since.delete(process);
    else if (since === undefined || since.given !== given) this.#since.set(process, { ownMs, given });
    else if (ownMs - since.ownMs > this.#latenessMs) return `${name} ${contradiction}`;
    return null;
  }
}

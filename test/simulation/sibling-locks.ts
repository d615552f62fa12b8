/**
 * The abstract sockets of all Pods: one process of a Pod holds the lock, and the kernel frees it when it dies.
 */

import type { SiblingLockOutcome, SiblingLockPort } from '../../src/driver/ports.ts';
import type { SimulatedProcess } from './simulated-process.ts';

interface Claim {
  readonly process: SimulatedProcess;
  readonly outcome: (outcome: SiblingLockOutcome) => void;
  told: SiblingLockOutcome | null;
}

export class SiblingLocks {
  /** By the uid of the Pod: the first one holds it, the others wait. */
  readonly #claims = new Map<string, Claim[]>();

  lock(process: SimulatedProcess): SiblingLockPort {
    return {
      claim: (outcome) => {
        const claims = this.#claims.get(process.pod.uid) ?? [];
        this.#claims.set(process.pod.uid, claims);
        const claim: Claim = { process, outcome, told: null };
        claims.push(claim);
        answer(claims, claim);
      },
      free: () => this.died(process),
    };
  }

  /** Whether this process, and none of its siblings, holds the lock. */
  isHeldBy(process: SimulatedProcess): boolean {
    return this.#claims.get(process.pod.uid)?.[0]?.process === process;
  }

  /** The next one has it at once. */
  died(process: SimulatedProcess): void {
    const claims = this.#claims.get(process.pod.uid);
    if (claims === undefined) return;
    const holder = claims[0];
    for (let index = claims.length - 1; index >= 0; index -= 1) {
      if (claims[index]?.process === process) claims.splice(index, 1);
    }
    const next = claims[0];
    if (next !== undefined && next !== holder) answer(claims, next);
  }
}

/** As a socket does: not at once, but in a turn of its own. */
function answer(claims: readonly Claim[], claim: Claim): void {
  claim.process.clock.setTimer(0, () => {
    const outcome = claims[0] === claim ? 'held' : 'taken';
    if (!claims.includes(claim) || claim.told === outcome) return;
    claim.told = outcome;
    claim.outcome(outcome);
  });
}

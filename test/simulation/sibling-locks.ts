/**
 * The abstract sockets of all Pods. One process of a Pod holds the lock, and the kernel frees the lock when that
 * process ends. A process with its own network namespace cannot reach the sockets of the others.
 */

import type { SiblingLockListener, SiblingLockOutcome, SiblingLockPort } from '../../src/driver/ports.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { SimulatedProcess } from './simulated-process.ts';

interface Claim {
  readonly process: SimulatedProcess;
  readonly outcome: SiblingLockListener;
  reported: SiblingLockOutcome | null;
}

export class SiblingLocks {
  /** The claims by Pod and network namespace. The first claim holds the lock, the others wait. */
  readonly #claims = new Map<string, Claim[]>();
  /** The uids of Pods in which no process can bind a socket (EACCES, EPERM). A bound socket stays bound. */
  readonly #refused = new Set<string>();

  lock(process: SimulatedProcess): SiblingLockPort {
    return {
      claim: (outcome) => {
        const claims = this.#claims.get(socketOf(process)) ?? [];
        this.#claims.set(socketOf(process), claims);
        const claim: Claim = { process, outcome, reported: null };
        claims.push(claim);
        this.#answer(claims, claim);
      },
      free: () => this.died(process),
    };
  }

  /** Whether this process, and none of its siblings, holds the lock. */
  isHeldBy(process: SimulatedProcess): boolean {
    const first = this.#claims.get(socketOf(process))?.[0];
    return first?.process === process && (first.reported === 'held' || !this.#refused.has(process.pod.uid));
  }

  /** Whether this process was informed that it holds the lock and so may campaign. */
  hasHeld(process: SimulatedProcess): boolean {
    const claims = this.#claims.get(socketOf(process)) ?? [];
    return claims.some((claim) => claim.process === process && claim.reported === 'held');
  }

  /** From now on the binds of this Pod are refused. */
  refuse(pod: SimulatedPod): void {
    this.#refused.add(pod.uid);
  }

  /** From now on the binds of this Pod are permitted. The first waiting process tries again. */
  permit(pod: SimulatedPod): void {
    if (!this.#refused.delete(pod.uid)) return;
    for (const claims of this.#claims.values()) {
      const first = claims[0];
      if (first?.process.pod === pod) this.#answer(claims, first);
    }
  }

  /** Removes the claims of a process that has ended. The next claim holds the lock at once. */
  died(process: SimulatedProcess): void {
    const claims = this.#claims.get(socketOf(process));
    if (claims === undefined) return;
    const holder = claims[0];
    for (let index = claims.length - 1; index >= 0; index -= 1) {
      if (claims[index]?.process === process) claims.splice(index, 1);
    }
    const next = claims[0];
    if (next !== undefined && next !== holder) this.#answer(claims, next);
  }

  /** Reports the outcome asynchronously, as a socket does. */
  #answer(claims: readonly Claim[], claim: Claim): void {
    const { process } = claim;
    process.clock.setTimer(0, () => {
      const isFirst = claims[0] === claim;
      const outcome = isFirst && !this.#refused.has(process.pod.uid) ? 'held' : 'taken';
      // A socket that is bound stays bound.
      if (!claims.includes(claim) || claim.reported === 'held' || claim.reported === outcome) return;
      claim.reported = outcome;
      claim.outcome(outcome, isFirst && outcome === 'taken' ? { refusedBy: 'EACCES' } : undefined);
    });
  }
}

function socketOf({ pod, networkNamespace }: SimulatedProcess): string {
  return `${networkNamespace}/${pod.uid}`;
}

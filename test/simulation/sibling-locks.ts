/**
 * The abstract sockets of all Pods: one process of a Pod holds the lock, and the kernel frees it when it dies. A process
 * in a network namespace of its own does not see the sockets of the others.
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
  /** By Pod and network namespace: the first one holds it, the others wait. */
  readonly #claims = new Map<string, Claim[]>();
  /** The uids of Pods in which no process can bind a socket (EACCES, EPERM); one that is bound stays bound. */
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

  /** Whether this process was informed that it holds the lock, and may campaign. */
  hasHeld(process: SimulatedProcess): boolean {
    const claims = this.#claims.get(socketOf(process)) ?? [];
    return claims.some((claim) => claim.process === process && claim.reported === 'held');
  }

  /** From now on the binds of this Pod are refused. */
  refuse(pod: SimulatedPod): void {
    this.#refused.add(pod.uid);
  }

  /** And from now on they are not; each process that waits tries again. */
  permit(pod: SimulatedPod): void {
    if (!this.#refused.delete(pod.uid)) return;
    for (const claims of this.#claims.values()) {
      const first = claims[0];
      if (first?.process.pod === pod) this.#answer(claims, first);
    }
  }

  /** The next one has it at once. */
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

  /** As a socket does: not at once, but in a turn of its own. */
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

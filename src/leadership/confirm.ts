/**
 * `confirm()`: asks the API server whether this process leads, and lets the election know the answers.
 */

import { isGone } from '../core/holder.ts';
import { isReleased } from '../core/lease-record.ts';
import { holderOf } from '../core/verdict.ts';
import type { Driver } from '../driver/driver.ts';
import type { Ports } from '../driver/ports.ts';
import { notLeaderError, unconfirmedError } from '../errors.ts';

/**
 * Resolves when both the Lease and the own Pod say so.
 *
 * @param leads whether the term that is asked about still lasts
 * @param hasTwin whether another process leads in the name of this Pod
 * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NOT_LEADER`, `ERR_LEASE_ELECTOR_UNCONFIRMED`
 */
export async function confirm(
  driver: Driver,
  ports: Pick<Ports, 'lease' | 'pod'>,
  leads: () => boolean,
  hasTwin: () => boolean,
): Promise<void> {
  const { self, succession } = driver.state.config;
  // The Lease of a Pod that is gone stays until somebody takes it away: it alone proves nothing.
  const [leaseAnswer, podAnswer] = await Promise.all([ports.lease.read(), ports.pod.read(self.name)]);
  if (podAnswer.ok && isGone(self, podAnswer.value, succession)) {
    driver.take({ type: 'podDeleted', watched: self, pod: { ...self, resourceVersion: '0', terminating: true } });
  }
  if (leaseAnswer.ok && leaseAnswer.value !== null) {
    driver.take({ type: 'leaseObserved', lease: leaseAnswer.value, by: 'get' });
  }
  if (!leads()) throw notLeaderError();
  if (!leaseAnswer.ok) throw unconfirmedError(leaseAnswer.failure);
  if (!podAnswer.ok && podAnswer.failure.kind !== 'forbidden') throw unconfirmedError(podAnswer.failure);
  const lease = leaseAnswer.value;
  if (lease === null) throw unconfirmedError(new Error('the Lease is missing, and is restored'));
  const holder = holderOf(lease, driver.state.knowledge.knownHolder, self);
  if (holder?.uid !== self.uid || isReleased(lease)) throw notLeaderError();
  if (hasTwin()) throw unconfirmedError(new Error('another process (a twin) writes the Lease in the name of this Pod'));
}

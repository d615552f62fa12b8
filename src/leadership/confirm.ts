/** `confirm()`: verifies with the API server that this process leads, and passes the answers to the election. */

import { isGone } from '../core/holder.ts';
import { isReleased } from '../core/lease-record.ts';
import { holderOf } from '../core/verdict.ts';
import type { Driver } from '../driver/driver.ts';
import type { Ports } from '../driver/ports.ts';
import { notLeaderError, unconfirmedError } from '../errors.ts';

/**
 * Resolves when both the Lease and this Pod prove that this process leads.
 *
 * @param leads whether the term to confirm still lasts
 * @param hasTwin whether another process leads in the name of this Pod
 * @throws {LeaseElectorError} `ERR_LEASE_ELECTOR_NOT_LEADER`, `ERR_LEASE_ELECTOR_UNCONFIRMED`
 */
export async function confirm(
  driver: Driver,
  ports: Pick<Ports, 'lease' | 'pod'>,
  leads: () => boolean,
  hasTwin: () => boolean,
): Promise<void> {
  const { self } = driver.state.config;
  // The Lease of a Pod that is gone exists until it is deleted, so the Lease alone proves nothing.
  const [leaseAnswer, podAnswer] = await Promise.all([readLease(driver, ports), readOwnPod(driver, ports)]);
  if (!leads()) throw notLeaderError();
  if (!leaseAnswer.ok) throw unconfirmedError(leaseAnswer.failure);
  if (!podAnswer.ok && podAnswer.failure.kind !== 'forbidden') throw unconfirmedError(podAnswer.failure);
  const lease = leaseAnswer.value;
  if (lease === null) throw unconfirmedError(new Error('the Lease is missing and is being restored'));
  const holder = holderOf(lease, driver.state.knowledge.knownHolder, self);
  if (holder?.uid !== self.uid || isReleased(lease)) throw notLeaderError();
  if (hasTwin()) throw unconfirmedError(new Error('another process (a twin) writes the Lease in the name of this Pod'));
}

/**
 * Reads the Lease. Each of the two answers is passed to the election immediately. If one of them ends the term, the end
 * does not wait for the other.
 */
async function readLease(driver: Driver, { lease }: Pick<Ports, 'lease'>): ReturnType<Ports['lease']['read']> {
  const answer = await lease.read();
  if (answer.ok && answer.value !== null) driver.take({ type: 'leaseObserved', lease: answer.value, by: 'get' });
  return answer;
}

async function readOwnPod(driver: Driver, { pod }: Pick<Ports, 'pod'>): ReturnType<Ports['pod']['read']> {
  const { self, succession } = driver.state.config;
  const answer = await pod.read(self.name);
  if (answer.ok && isGone(self, answer.value, succession)) driver.takeOwnPodGone();
  return answer;
}

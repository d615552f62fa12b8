/**
 * A Lease of this Pod that is gone again and again soon after it was created: the garbage collector deletes it, because
 * the API server does not know the Pod that owns it.
 *
 * Where Pods can be read, the read of the own Pod shows that. Where they cannot, this is the only sign.
 */

import type { Input } from './input.ts';
import { isReleased } from './lease-record.ts';
import type { StepContext } from './step-context.ts';

/**
 * A Lease that is gone within this time, in milliseconds, was most likely collected. A real collector took 1 ms to 14 s
 * for a Lease whose owner does not exist (DESIGN, section 12).
 */
export const SHORT_LIFE_MS = 15_000;

/** So many short lives in a row end the campaign of this process. */
export const SHORT_LIVES_LIMIT = 3;

/** Whether the API server has ever shown the own Pod. Comes before anything is concluded from its absence. */
export function noteOwnPodSeen(context: StepContext, input: Input): void {
  if (context.knowledge.ownPodSeen || !('pod' in input)) return;
  if (input.pod?.uid === context.config.self.uid) context.updateKnowledge({ ownPodSeen: true });
}

/** Counts the short lives of Leases that this Pod owns. Comes after the Lease was noted, and before the role acts. */
export function noteShortLife(context: StepContext): void {
  const { lease, knowledge, config, moment, role } = context;
  const { ownLease } = knowledge;
  if (lease !== null) {
    const isOwn = lease.owner?.uid === config.self.uid;
    if (isOwn && lease.uid !== ownLease?.uid)
      context.updateKnowledge({ ownLease: { uid: lease.uid, seenAtMs: moment.nowMs } });
    // Somebody took it or its owner off: the collector deletes no such Lease on account of this Pod.
    if (!isOwn && lease.uid === ownLease?.uid) context.updateKnowledge({ ownLease: null });
    return;
  }
  const last = context.before.observation?.lease ?? null;
  if (ownLease === null || last?.uid !== ownLease.uid) return;
  // It was given to somebody else by hand, or released. A successor has deleted it.
  if (last.owner?.uid !== config.self.uid || isReleased(last)) return context.updateKnowledge({ ownLease: null });
  const isShort = moment.nowMs - ownLease.seenAtMs < SHORT_LIFE_MS;
  // A process that leaves deletes its Lease itself.
  const shortLives = role.name === 'leaving' ? knowledge.shortLives : isShort ? knowledge.shortLives + 1 : 0;
  context.updateKnowledge({ ownLease: null, shortLives });
  if (shortLives < SHORT_LIVES_LIMIT || knowledge.canReadPods) return;
  const { knownHolder } = context.knowledge;
  // A list or a watch shows the own Pod although single reads are refused.
  if (knownHolder?.pod.uid === config.self.uid && knownHolder.liveness === 'alive') return;
  context.updateKnowledge({ disqualifiedBy: 'pod-deleted' });
  if (knownHolder?.pod.uid === config.self.uid)
    context.updateKnowledge({ knownHolder: { ...knownHolder, liveness: 'gone' } });
  warnPodUnknown(context);
}

function warnPodUnknown(context: StepContext): void {
  const { namespace, leaseName, self } = context.config;
  const { name, uid } = self;
  context.warn(
    'pod-unknown',
    `Lease ${namespace}/${leaseName} was deleted ${SHORT_LIVES_LIMIT} times in a row soon after it was created, as the ` +
      `garbage collector does when the owner does not exist. Most likely Pod ${name} (uid ${uid}) is gone, or its uid is ` +
      'wrong (mistyped, or that of a static Pod instead of its mirror Pod). This process does not campaign again. ' +
      `Compare the uid: kubectl get pod ${name} -n ${namespace} -o jsonpath={.metadata.uid}. If it is another, set the ` +
      'option `pod: { uid }` to it. If it is the same, find the program that deletes the Lease, and start a new process.',
  );
}

/** A sentence that tells a Pod that is gone from one that the API server never had. */
export function sayAbsence({ config, knowledge }: StepContext): string {
  const { self, succession } = config;
  const pod = `Pod ${self.name} (uid ${self.uid}) ${succession === 'pod-stopped' ? 'has stopped, or ' : ''}`;
  return knowledge.ownPodSeen
    ? `${pod}does not exist any more.`
    : `${pod}does not exist, and the API server has never shown it to this process: it was gone before, or the uid is ` +
        'wrong (mistyped, or that of a static Pod instead of its mirror Pod).';
}

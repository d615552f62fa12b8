/**
 * The named successor: the leader writes into its Lease which Pod should lead next, so that candidates need not wait
 * for a random time. It is a hint. It can delay a candidate, and decides nothing (DESIGN, section 11).
 */

import type { NamedSuccessor, PodReference } from './lease-record.ts';
import type { StepContext } from './step-context.ts';

/** The largest number of Pods that a leader lists. In a Lease this number means "50 or more". */
export const LISTED_PODS = 50;

/**
 * The longest random wait before a campaign, in milliseconds. Several candidates observe at the same moment that the
 * leader is gone. The candidate with the shortest wait takes over, and the others see its Lease before their own wait
 * is over. The wait only needs to be longer than a DELETE, a POST and a watch event.
 */
export const CAMPAIGN_JITTER_MS = 50;

/** The longest random wait, in milliseconds, when the Lease shows that the application has 50 Pods or more. */
export const CROWD_JITTER_MS = 500;

/** How long the other candidates wait for the named Pod, in milliseconds, before their jitter begins. */
export const SUCCESSOR_HEAD_START_MS = 60;

/** A running Pod of the same application. */
export interface ListedPod {
  readonly uid: string;
  /** Its creationTimestamp, in milliseconds since 1970; `null`: it cannot be parsed. */
  readonly createdAtMs: number | null;
  /** Whether it has a `deletionTimestamp`. */
  readonly terminating: boolean;
}

/** The result of a list of the application's Pods. */
export interface PodListing {
  readonly pods: readonly ListedPod[];
  /** Whether the API server has more Pods of the application. */
  readonly more: boolean;
}

/**
 * Returns the newest Pod of the application that can lead after this Pod; `null` when there is no such Pod. In a
 * rolling update the newest Pod belongs to the new generation, so leadership moves once.
 *
 * @param passedOver the uid of a Pod that released the Lease a moment ago
 */
export function chooseSuccessor(
  { pods, more }: PodListing,
  self: PodReference,
  passedOver: string | null,
): NamedSuccessor | null {
  let newest: ListedPod | null = null;
  for (const pod of pods) {
    if (pod.terminating || pod.uid === self.uid || pod.uid === passedOver) continue;
    if (newest === null || isNewer(pod, newest)) newest = pod;
  }
  return newest === null ? null : { uid: newest.uid, pods: more ? LISTED_PODS : Math.min(pods.length, LISTED_PODS) };
}

/**
 * A creationTimestamp has whole seconds. For Pods of the same second the uid decides, so that the result does not
 * depend on the order of the list.
 */
function isNewer(left: ListedPod, right: ListedPod): boolean {
  const difference = (left.createdAtMs ?? 0) - (right.createdAtMs ?? 0);
  return difference === 0 ? left.uid > right.uid : difference > 0;
}

/** Whether the Lease names another Pod as the successor. */
export function isAnotherNamed({ config, knowledge }: StepContext): boolean {
  const successor = knowledge.knownHolder?.successor;
  return successor !== undefined && successor.uid !== config.self.uid;
}

/** Whether the Lease names this Pod as the successor. */
export function isSelfNamed({ config, knowledge }: StepContext): boolean {
  return knowledge.knownHolder?.successor?.uid === config.self.uid;
}

/** The wait of this candidate before its campaign, in milliseconds. */
export function campaignDelayMs(context: StepContext): number {
  const { knowledge, moment } = context;
  const crowd = knowledge.knownHolder?.successor?.pods === LISTED_PODS && !isSelfNamed(context);
  const jitterMs = moment.random * (crowd ? CROWD_JITTER_MS : CAMPAIGN_JITTER_MS);
  return isAnotherNamed(context) ? SUCCESSOR_HEAD_START_MS + jitterMs : jitterMs;
}

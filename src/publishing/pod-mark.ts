/**
 * The label and the annotation that mark one Pod as the leader's.
 *
 * Only the last wanted state is written. A label that another program has set under the same key is not changed.
 */

import type { PodReference } from '../core/lease-record.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import type { PodMetadata, PodMetadataPatch, PublishingPort } from '../driver/ports.ts';
import { quote } from '../runtime/quotation.ts';
import type { AttemptOutcome } from './publication.ts';

/** The value of the label. */
const LEADER_LABEL_VALUE = 'true';

/** The ReplicaSet controller deletes the Pods with the smallest value first (Kubernetes, "ReplicaSet: Pod deletion cost"). */
const DELETION_COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';

/** The marks of the leader's Pod; `null`: the mark is not wanted. */
export interface Marks {
  readonly leaderLabel: string | null;
  readonly podDeletionCost: number | null;
}

/** The wanted state of one Pod. */
interface Wanted {
  readonly pod: PodReference;
  readonly isLeader: boolean;
}

export class PodMark {
  readonly #port: PublishingPort;
  readonly #marks: Marks;
  readonly #gone: () => void;
  #wanted: Wanted | null = null;
  #isPending = false;

  /** @param gone receives the proof that the Pod does not exist: a consistent read did not find its uid */
  constructor(port: PublishingPort, marks: Marks, gone: () => void = () => undefined) {
    this.#port = port;
    this.#marks = marks;
    this.#gone = gone;
  }

  /** Whether the wanted state still has to be written, as far as is known. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /** Whether the Pod should be marked as the leader's; `null` when no state was requested yet. */
  get isLeader(): boolean | null {
    return this.#wanted?.isLeader ?? null;
  }

  /** Replaces the wanted state. */
  want(pod: PodReference, isLeader: boolean): void {
    if (this.#wanted?.pod.uid === pod.uid && this.#wanted.isLeader === isLeader) return;
    this.#wanted = { pod, isLeader };
    this.#isPending = true;
  }

  /** Drops the wanted state. */
  forget(): void {
    this.#wanted = null;
    this.#isPending = false;
  }

  /** Compares the Pod with the wanted state, and writes the difference. */
  async attempt(): Promise<AttemptOutcome> {
    const requested = this.#wanted;
    if (requested === null) return 'unchanged';
    this.#isPending = true;
    const read = await this.#port.readPodMetadata(requested.pod.name);
    if (read.ok && read.value?.uid !== requested.pod.uid) this.#gone();
    // The wanted state may have changed before the answer. The present wanted state counts.
    const wanted = this.#wanted;
    if (wanted?.pod.uid !== requested.pod.uid) return 'unchanged';
    if (!read.ok) return read.failure;
    const pod = read.value;
    // The Pod is gone, and another Pod may have its name.
    if (pod?.uid !== wanted.pod.uid) {
      this.#settle(wanted);
      return 'unchanged';
    }
    const { patch, foreign } = difference(pod, this.#marks, wanted.isLeader);
    if (patch !== null) {
      const written = await this.#port.patchPodMetadata(pod, patch);
      if (!written.ok) return written.failure;
    }
    this.#settle(wanted);
    return foreign ?? (patch === null ? 'unchanged' : 'written');
  }

  #settle(wanted: Wanted): void {
    if (this.#wanted === wanted) this.#isPending = false;
  }
}

interface Difference {
  /** `null`: the Pod has the wanted state. */
  readonly patch: PodMetadataPatch | null;
  /** The failure when another program uses the key of the label; `null` otherwise. */
  readonly foreign: RequestFailure | null;
}

function difference(pod: PodMetadata, { leaderLabel, podDeletionCost }: Marks, isLeader: boolean): Difference {
  const labels: Record<string, string | null> = {};
  const annotations: Record<string, string | null> = {};
  const present = leaderLabel === null ? undefined : pod.labels[leaderLabel];
  const isForeign = present !== undefined && present !== LEADER_LABEL_VALUE;
  if (leaderLabel !== null && !isForeign && isLeader !== (present !== undefined)) {
    labels[leaderLabel] = isLeader ? LEADER_LABEL_VALUE : null;
  }
  const cost = podDeletionCost === null ? null : String(podDeletionCost);
  const isOurs = pod.annotations[DELETION_COST_ANNOTATION] === cost;
  if (cost !== null && isLeader !== isOurs) annotations[DELETION_COST_ANNOTATION] = isLeader ? cost : null;
  const isSame = Object.keys(labels).length === 0 && Object.keys(annotations).length === 0;
  return {
    patch: isSame ? null : { labels, annotations },
    foreign: isForeign && isLeader ? labelInUse(pod, leaderLabel ?? '', present) : null,
  };
}

/**
 * The failure for a label of another program. The label is not overwritten, because that could remove the Pod from its
 * ReplicaSet.
 */
function labelInUse({ name }: PodMetadata, label: string, value: string): RequestFailure {
  return {
    kind: 'rejected',
    message: `Pod "${name}" has the label ${label} with the value ${quote(value)} already. Give the option leaderLabel another key`,
    retryAfterMs: null,
    missingRule: null,
    cause: null,
  };
}

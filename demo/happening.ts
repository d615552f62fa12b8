/**
 * The vocabulary of the play: everything that the director did, saw in the cluster, or was told.
 *
 * One stream of these feeds the display, the waiting for what must happen, and the verdict; none of them knows more.
 */

import type { DemotionReason } from '../src/index.ts';

/** A Pod object. */
export interface PodReference {
  readonly name: string;
  readonly uid: string;
}

/** What happened; `process` names one run of a container, such as `batch-a#2`. */
export type Event =
  // The play itself.
  | { readonly type: 'stepBegan'; readonly step: string }
  /** Everything that the step must show was seen; `took` is what it is measured by. */
  | { readonly type: 'stepDone'; readonly step: string; readonly outcome: string; readonly tookMs: number }
  | { readonly type: 'stepFailed'; readonly step: string; readonly outcome: string }
  | { readonly type: 'acted'; readonly text: string }
  // What the director sees in the cluster.
  | { readonly type: 'podCreated'; readonly pod: PodReference }
  | { readonly type: 'podTerminating'; readonly pod: PodReference }
  /** `revision`: the resourceVersion of the Pod's end, in one order with those of Leases. */
  | { readonly type: 'podGone'; readonly pod: PodReference; readonly revision: bigint }
  | {
      readonly type: 'leaseWritten';
      readonly leaseUid: string;
      /** The Pod that owns the Lease. */
      readonly ownerUid: string | null;
      readonly holder: string | null;
      readonly released: boolean;
      readonly revision: bigint;
    }
  | { readonly type: 'leaseGone'; readonly leaseUid: string; readonly revision: bigint }
  /** The director does not see the cluster any more. */
  | { readonly type: 'sightLost'; readonly text: string }
  // What it knows of the processes, since they are its children.
  | { readonly type: 'processStarted'; readonly process: string; readonly pod: PodReference; readonly pid: number }
  | { readonly type: 'processSuspended'; readonly process: string }
  | { readonly type: 'processContinued'; readonly process: string }
  | { readonly type: 'processEnded'; readonly process: string; readonly how: string }
  // What the processes say of themselves.
  | { readonly type: 'elected'; readonly process: string; readonly token: bigint; readonly resumed: boolean }
  | { readonly type: 'demoted'; readonly process: string; readonly reason: DemotionReason }
  | { readonly type: 'jobTicked'; readonly process: string; readonly token: bigint; readonly ticks: number }
  | { readonly type: 'jobEnded'; readonly process: string; readonly token: bigint }
  | { readonly type: 'leaderChanged'; readonly process: string; readonly leader: string | null }
  | { readonly type: 'stale'; readonly process: string; readonly leader: string }
  | { readonly type: 'noted'; readonly process: string; readonly text: string };

/** An event and when it happened, in milliseconds since the play began, on the machine's monotonic clock. */
export type Happening = Event & { readonly atMs: number };

/** A happening of one type. */
export type HappeningOf<Type extends Event['type']> = Extract<Event, { readonly type: Type }> & {
  readonly atMs: number;
};

/**
 * The events of the demo: what it does, what it sees in the cluster, and what its processes report.
 *
 * One stream of them feeds the script, the display and the verdict. None of these knows more.
 */

import type { DemotionReason } from '../src/index.ts';

/** A Pod object. */
export interface PodReference {
  readonly name: string;
  readonly uid: string;
}

/** What a candidate reports about itself over the channel between the two processes. */
export type ReportContent =
  /** `onElected` was called: the job begins. */
  | { readonly type: 'elected'; readonly token: bigint; readonly resumed: boolean }
  | { readonly type: 'demoted'; readonly reason: DemotionReason }
  | { readonly type: 'jobTicked'; readonly token: bigint }
  /** The job of the term is over. Until then the process acts as leader, or drains its job after its demotion. */
  | { readonly type: 'jobEnded'; readonly token: bigint }
  | { readonly type: 'leaderChanged'; readonly leader: string | null }
  | { readonly type: 'stale'; readonly leader: string }
  /** A warning or an error of the elector. */
  | { readonly type: 'noted'; readonly text: string };

/** A report, and its moment on the monotonic clock of the machine, which all processes share. */
export type Report = ReportContent & { readonly atNs: bigint };

/** What an event says. `process` names one run of a container, such as `batch-a#2`. */
export type EventContent =
  | { readonly type: 'stepBegan'; readonly step: string }
  /** Everything that the step must show was seen. `tookMs` is the duration that its title is about. */
  | { readonly type: 'stepDone'; readonly step: string; readonly outcome: string; readonly tookMs: number }
  | { readonly type: 'stepFailed'; readonly step: string; readonly outcome: string }
  /** The demo did something to a process or an object. */
  | { readonly type: 'acted'; readonly text: string }
  /** The Pod has a deletionTimestamp, and its process can end cleanly. */
  | { readonly type: 'podTerminating'; readonly pod: PodReference }
  /** `revision` is the resourceVersion of the Pod's end. Pods and Leases share one order of revisions. */
  | { readonly type: 'podGone'; readonly pod: PodReference; readonly revision: bigint }
  | {
      readonly type: 'leaseWritten';
      readonly leaseUid: string;
      /** The uid of the Pod that owns the Lease. */
      readonly ownerUid: string | null;
      readonly holder: string | null;
      readonly released: boolean;
      readonly revision: bigint;
    }
  | { readonly type: 'leaseGone'; readonly leaseUid: string; readonly revision: bigint }
  | { readonly type: 'processStarted'; readonly process: string; readonly pod: PodReference; readonly pid: number }
  /** The demo sent a signal to a process. */
  | { readonly type: 'signalled'; readonly process: string; readonly signal: NodeJS.Signals }
  | { readonly type: 'processEnded'; readonly process: string; readonly how: string }
  | (ReportContent & { readonly process: string });

/** An event and its time, in milliseconds since the demo began. */
export type DemoEvent = EventContent & { readonly atMs: number };

/** An event of one type. */
export type DemoEventOf<Type extends DemoEvent['type']> = Extract<DemoEvent, { readonly type: Type }>;

/** The events of one type. */
export function eventsOf<T extends DemoEvent['type']>(
  events: readonly DemoEvent[],
  type: T,
): readonly DemoEventOf<T>[] {
  return events.filter((event): event is DemoEventOf<T> => event.type === type);
}

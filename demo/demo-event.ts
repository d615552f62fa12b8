/**
 * The events of the demo: those of a timeline, some of them with one more field, and a few that only the demo has.
 *
 * The script, the display, the verdict and the timeline receive this one stream of events, and nothing else.
 */

import type { DemotionReason } from '../src/index.ts';
import type { TimelinePod } from '../src/testing/index.ts';
import type { WrittenContent } from '../src/testing/kit/written-events.ts';

/** A report of a candidate about itself, sent over the channel between the two processes. */
export type ReportContent =
  /** `onElected` was called: the job begins. */
  | { readonly type: 'elected'; readonly token: bigint; readonly resumed: boolean }
  | { readonly type: 'demoted'; readonly reason: DemotionReason; readonly draining: true }
  | { readonly type: 'jobTicked'; readonly token: bigint }
  /** The job of the term is over. Until then the process acts as leader, or drains its job after its demotion. */
  | { readonly type: 'workEnded' }
  | { readonly type: 'leaderChanged'; readonly leader: string | null }
  | { readonly type: 'stale'; readonly leader: string }
  /** A warning or an error of the elector. */
  | { readonly type: 'noted'; readonly text: string; readonly tone: 'trouble' };

/** A report, and its moment on the monotonic clock of the machine, which all processes share. */
export type Report = ReportContent & { readonly atNs: bigint };

/** An event of a process, without its time. */
export type ProcessContent =
  | ReportContent
  | { readonly type: 'processStarted'; readonly pid: number }
  /** The demo sent a signal. */
  | { readonly type: 'signalled'; readonly signal: NodeJS.Signals }
  | { readonly type: 'processEnded'; readonly how: string; readonly crashed: boolean };

/** An event without its time. */
export type EventContent =
  | { readonly type: 'stepBegan'; readonly step: string; readonly title: string }
  /** `tookMs` is the measured duration; null when the step failed. */
  | { readonly type: 'stepEnded'; readonly step: string; readonly outcome: string; readonly tookMs: number | null }
  /** The demo did something to a process or an object. */
  | { readonly type: 'noted'; readonly text: string; readonly tone: 'note' }
  /** `revision` is the resourceVersion of the write. Pods and Leases share one order of revisions. */
  | (WrittenContent & { readonly revision: bigint })
  /** `process` names one run of a container, such as `batch-a#2`. */
  | (ProcessContent & { readonly pod: TimelinePod; readonly process: string });

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

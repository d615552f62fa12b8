/**
 * What a candidate tells the director, as messages over the IPC channel between the two processes.
 *
 * Only the words are here; who says them is in candidate.ts, and what they mean for the play in candidate-process.ts.
 */

import type { DemotionReason } from '../src/index.ts';

/** One thing that happened inside a candidate. */
export type ReportContent =
  /** `onElected` was called: the job begins. */
  | { readonly type: 'elected'; readonly token: string; readonly resumed: boolean }
  | { readonly type: 'demoted'; readonly reason: DemotionReason }
  | { readonly type: 'jobTicked'; readonly token: string; readonly ticks: number }
  /** The job of the term is over; only now has this process stopped to act as leader. */
  | { readonly type: 'jobEnded'; readonly token: string }
  | { readonly type: 'leaderChanged'; readonly leader: string | null }
  | { readonly type: 'stale'; readonly leader: string }
  /** A warning or an error of the elector. */
  | { readonly type: 'noted'; readonly text: string };

/** A report with the moment it speaks of. */
export type Report = ReportContent & {
  /**
   * Nanoseconds of `process.hrtime`, in decimal. It is the machine's monotonic clock, so the times of all
   * processes of the demo can be compared.
   */
  readonly atNs: string;
};

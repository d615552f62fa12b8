/**
 * The shape of a timeline: lanes, bars and marks in milliseconds. `timeline-builder.ts` makes it from events, and
 * `timeline-picture.ts` draws it.
 */

import type { TimelinePod } from './timeline-event.ts';

/** A piece of time. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The meaning of a bar. `leads`, `ghost` and `drains` are reported by a process. `holds` is read from the Lease, if no
 * process reports. `keeps`: the Pod owns the Lease, and no process of it leads (a crash).
 */
export type BarKind = 'leads' | 'holds' | 'ghost' | 'drains' | 'keeps';

/** A bar of a Pod's lane. Bars of one track never overlap. */
export interface Bar extends Span {
  readonly kind: BarKind;
  readonly token: bigint | null;
  readonly track: number;
  /** The parts of the bar in which the process hangs. */
  readonly hangs: readonly Span[];
}

/** A part of the life of a process, below the bars of its Pod. Stretches of one row never overlap. */
export interface Stretch extends Span {
  readonly kind: 'runs' | 'hangs' | 'ghost' | 'cutOff';
  readonly row: number;
}

/** The lane of a Pod. */
export interface PodLane {
  readonly pod: TimelinePod;
  /** The time in which the Pod object exists. */
  readonly exists: Span;
  /** The time in which the Pod is being deleted; null when it is not. */
  readonly terminating: Span | null;
  readonly bars: readonly Bar[];
  /** The largest number of bars that lie one above the other. */
  readonly tracks: number;
  readonly stretches: readonly Stretch[];
  readonly rows: number;
  /**
   * The number of its color: the Pods that lead are numbered in the order in which they begin. Null for a Pod that
   * never leads.
   */
  readonly hue: number | null;
}

/** One Lease object, or the part of its life in which one Pod owns it. */
export interface LeaseBar extends Span {
  readonly owner: TimelinePod | null;
  readonly holder: string | null;
  /** The color of the lane of its owner. */
  readonly hue: number | null;
  readonly renewalsMs: readonly number[];
  readonly releasedAtMs: number | null;
}

/** The lane of a Lease. */
export interface LeaseLane {
  readonly lease: string | undefined;
  readonly bars: readonly LeaseBar[];
}

/** The look of a mark. */
export type Glyph =
  | 'created'
  | 'terminating'
  | 'gone'
  | 'forced'
  | 'finished'
  | 'started'
  | 'ended'
  | 'crashed'
  | 'hung'
  | 'resumed'
  | 'cutOff'
  | 'reconnected'
  | 'elected'
  | 'demoted'
  | 'drained'
  | 'leaseCreated'
  | 'leaseRestored'
  | 'leaseGiven'
  | 'leaseReleased'
  | 'leaseDeleted'
  | 'outage'
  | 'restored'
  | 'step'
  | 'note'
  | 'trouble'
  | 'violation';

/** The place of a mark: a Pod's lane by uid, a Lease's by name, or the whole picture. */
export type MarkPlace =
  | { readonly lane: 'pod'; readonly uid: string; readonly row: number; readonly track: number }
  | { readonly lane: 'lease'; readonly lease: string | undefined }
  | { readonly lane: 'all' };

/** An event in the picture, at which a reader can point. */
export interface Mark {
  readonly atMs: number;
  /** The end of the bar that begins here; otherwise the same moment. */
  readonly toMs: number;
  readonly glyph: Glyph;
  readonly place: MarkPlace;
  readonly who: string;
  readonly what: string;
}

/** A time in which the API server answers no request. */
export interface Outage extends Span {
  readonly what: string;
}

/** A step of the story. */
export interface Step extends Span {
  readonly title: string;
}

/** A whole timeline. */
export interface Timeline extends Span {
  readonly leases: readonly LeaseLane[];
  readonly pods: readonly PodLane[];
  readonly outages: readonly Outage[];
  readonly steps: readonly Step[];
  /** In the order of time. */
  readonly marks: readonly Mark[];
  /** A sentence for each kind of content that is left out. */
  readonly omissions: readonly string[];
}

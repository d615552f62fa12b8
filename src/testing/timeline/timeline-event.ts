/**
 * The events that a timeline shows. Each source of events (the demo, the simulation, the test kit, a real cluster)
 * translates its own into these, and the drawing shows only these.
 */

/** A Pod object. The uid distinguishes two Pods of one name. */
export interface TimelinePod {
  /** The name of the Pod, which the picture shows. */
  readonly name: string;
  /** The `metadata.uid` of the Pod. */
  readonly uid: string;
}

/** The process that an event is about. */
export interface TimelineProcess {
  /** The Pod of the process. */
  readonly pod: TimelinePod;
  /**
   * The name of the process, such as `batch-a#2`, when the Pod has several. They can run one after another or at once.
   *
   * @default the only process of the Pod
   */
  readonly process?: string | undefined;
}

/** The content of an event. A source reports the types that it can see. */
export type TimelineEventContent =
  /** A step of the story begins. It lasts until the next event of this type. */
  | { readonly type: 'stepBegan'; readonly title: string }
  | { readonly type: 'podCreated'; readonly pod: TimelinePod }
  /** The Pod has a deletionTimestamp. */
  | { readonly type: 'podTerminating'; readonly pod: TimelinePod }
  /** The Pod has the phase Succeeded or Failed. */
  | { readonly type: 'podFinished'; readonly pod: TimelinePod; readonly phase: string }
  /** The Pod object is gone. `forced`: the API server did not wait for the processes of the Pod. */
  | { readonly type: 'podGone'; readonly pod: TimelinePod; readonly forced: boolean }
  | ({ readonly type: 'processStarted' } & TimelineProcess)
  | ({ readonly type: 'processEnded'; readonly how: string; readonly crashed: boolean } & TimelineProcess)
  /** The process is suspended or blocked. */
  | ({ readonly type: 'processHung' } & TimelineProcess)
  | ({ readonly type: 'processResumed' } & TimelineProcess)
  /** The process cannot reach the API server. */
  | ({ readonly type: 'processCutOff' } & TimelineProcess)
  | ({ readonly type: 'processReconnected' } & TimelineProcess)
  | ({
      readonly type: 'elected';
      readonly token: bigint;
      readonly resumed: boolean;
      readonly lease?: string | undefined;
    } & TimelineProcess)
  | ({
      readonly type: 'demoted';
      readonly reason: string;
      /** The work of the term continues until `workEnded`. @default false */
      readonly draining?: boolean | undefined;
      readonly lease?: string | undefined;
    } & TimelineProcess)
  /** The work of the term has ended. Between a demotion and this the process drains its work. */
  | ({ readonly type: 'workEnded'; readonly lease?: string | undefined } & TimelineProcess)
  | {
      readonly type: 'leaseWritten';
      /** @default the only Lease */
      readonly lease?: string | undefined;
      readonly leaseUid: string;
      /** The Pod that owns the Lease; null for a Lease that no Pod owns. */
      readonly owner: TimelinePod | null;
      /** The `spec.holderIdentity` of the Lease. */
      readonly holder: string | null;
      readonly released: boolean;
      /** The resourceVersion of this write. */
      readonly revision: bigint;
      /** The writer, if it is known. */
      readonly by?: string | undefined;
      /** The source found the Lease and did not see the write, so the token of its term is unknown. @default false */
      readonly found?: boolean | undefined;
    }
  | {
      readonly type: 'leaseDeleted';
      readonly lease?: string | undefined;
      readonly leaseUid: string;
      readonly by?: string | undefined;
    }
  /** The API server answers no request. */
  | { readonly type: 'outageBegan'; readonly what: string }
  | { readonly type: 'outageEnded' }
  /** Any other event, in words. `violation`: a promise was broken. */
  | {
      readonly type: 'noted';
      readonly text: string;
      readonly tone: 'note' | 'trouble' | 'violation';
      readonly pod?: TimelinePod | undefined;
      readonly process?: string | undefined;
    };

/** An event and its time in milliseconds; any moment can be 0. */
export type TimelineEvent = TimelineEventContent & { readonly atMs: number };

/** An event of one type. */
export type TimelineEventOf<Type extends TimelineEvent['type']> = Extract<TimelineEvent, { readonly type: Type }>;

/**
 * The texts of a timeline, and its end.
 *
 * @example
 * ```ts
 * import { drawTimeline } from 'lease-elector/testing';
 *
 * const pod = { name: 'web-0', uid: '6c2e' };
 * const page = drawTimeline([{ atMs: 0, type: 'podCreated', pod }], {
 *   title: 'A quiet second',
 *   summary: 'Nobody leads.',
 *   untilMs: 1_000,
 * });
 * console.log(page.includes('<h1>A quiet second</h1>')); // true
 * ```
 */
export interface TimelineOptions {
  /** The heading. @default 'Timeline of an election' */
  readonly title?: string | undefined;
  /** A sentence below the title, such as the verdict. @default none */
  readonly summary?: string | undefined;
  /** The end of the picture, in milliseconds on the clock of the events. @default the time of the last event */
  readonly untilMs?: number | undefined;
  /** The number of earlier events that the caller has not kept. The page says so. @default 0 */
  readonly eventsLost?: number | undefined;
}

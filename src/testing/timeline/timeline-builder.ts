/**
 * Makes a timeline from events. It neither draws nor judges: two Pods that lead at the same time get two bars.
 */

import { PodRecord } from './pod-record.ts';
import type { TimelineEvent, TimelineEventOf, TimelineOptions, TimelinePod } from './timeline-event.ts';
import type { Glyph, LeaseBar, LeaseLane, Mark, MarkPlace, Outage, PodLane, Step, Timeline } from './timeline-model.ts';
import { type LeaseChange, type Words, wordsOf, wordsOfLease } from './wording.ts';

/** The largest number of events on a page. More marks would cover each other, and the page would be slow. */
export const MARK_LIMIT = 2_000;

/** The largest number of Pods on a page. A reader does not compare more lanes. */
export const LANE_LIMIT = 60;

/** The duration of a picture of a single moment, in milliseconds. */
const SHORTEST_MS = 1;

interface LeaseRecord {
  readonly bars: { -readonly [Key in keyof LeaseBar]: LeaseBar[Key] }[];
  /** Its present object; null when it does not exist. */
  uid: string | null;
  owner: TimelinePod | null;
  released: boolean;
  /** The time of the last deletion. */
  deletedAtMs: number;
}

type Placed = Omit<Mark, 'toMs'>;

/** Makes a timeline from events in any order. */
export function buildTimeline(events: readonly TimelineEvent[], options: TimelineOptions = {}): Timeline {
  const sorted = events.toSorted((a, b) => a.atMs - b.atMs);
  const fromMs = sorted[0]?.atMs ?? 0;
  const toMs = Math.max(fromMs + SHORTEST_MS, sorted.at(-1)?.atMs ?? 0, options.untilMs ?? 0);
  const builder = new TimelineBuilder(fromMs, toMs);
  for (const event of sorted) builder.add(event);
  return builder.finish(options.eventsLost ?? 0);
}

class TimelineBuilder {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #pods = new Map<string, PodRecord>();
  readonly #leases = new Map<string | undefined, LeaseRecord>();
  readonly #outages: { what: string; fromMs: number; toMs: number | null }[] = [];
  readonly #steps: { title: string; fromMs: number; toMs: number }[] = [];
  readonly #marks: Placed[] = [];

  constructor(fromMs: number, toMs: number) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  add(event: TimelineEvent): void {
    if (event.type === 'leaseWritten') return this.#addLeaseWrite(event);
    const words = wordsOf(event);
    switch (event.type) {
      case 'stepBegan': {
        const before = this.#steps.at(-1);
        if (before !== undefined) before.toMs = event.atMs;
        this.#steps.push({ title: event.title, fromMs: event.atMs, toMs: this.#toMs });
        return this.#mark(event, 'step', { lane: 'all' }, words);
      }
      case 'leaseDeleted':
        return this.#addLeaseDeletion(event, words);
      case 'outageBegan':
        if (this.#outages.at(-1)?.toMs === null) return;
        this.#outages.push({ what: event.what, fromMs: event.atMs, toMs: null });
        return this.#mark(event, 'outage', { lane: 'all' }, words);
      case 'outageEnded': {
        const outage = this.#outages.at(-1);
        if (outage === undefined || outage.toMs !== null) return;
        outage.toMs = event.atMs;
        return this.#mark(event, 'restored', { lane: 'all' }, words);
      }
      case 'noted': {
        const { tone, pod } = event;
        // A broken promise concerns all Pods.
        if (pod === undefined || tone === 'violation') return this.#mark(event, tone, { lane: 'all' }, words);
        const { row } = this.#pod(pod).placeOf(event.process);
        return this.#mark(event, tone, { lane: 'pod', uid: pod.uid, row, track: 0 }, words);
      }
      default: {
        const change = this.#pod(event.pod).apply(event);
        if (change === null) return;
        return this.#mark(event, change.glyph, { lane: 'pod', uid: event.pod.uid, ...change }, words);
      }
    }
  }

  #mark({ atMs }: TimelineEvent, glyph: Glyph, place: MarkPlace, [who, what]: Words): void {
    const { lane } = place;
    const kept: MarkPlace = lane === 'pod' ? { lane, uid: place.uid, row: place.row, track: place.track } : place;
    this.#marks.push({ atMs, glyph, place: kept, who, what });
  }

  #pod(pod: TimelinePod): PodRecord {
    const known = this.#pods.get(pod.uid) ?? new PodRecord(pod, this.#fromMs);
    this.#pods.set(pod.uid, known);
    return known;
  }

  #addLeaseWrite(event: TimelineEventOf<'leaseWritten'>): void {
    const { atMs, lease, leaseUid, owner, holder, released, revision, found = false } = event;
    const record = this.#leases.get(lease) ?? { bars: [], uid: null, owner: null, released: false, deletedAtMs: atMs };
    this.#leases.set(lease, record);
    const isNew = record.uid !== leaseUid;
    const before = record.bars.at(-1);
    // A Lease that no Pod owns has only the name of its holder.
    const sameOwner =
      before !== undefined && record.owner?.uid === owner?.uid && (owner !== null || before.holder === holder);
    const change = changeOf(isNew, sameOwner, record, event);
    const bar = record.bars.at(-1);
    // Its deletion was not seen, so the Pod held the Lease until now.
    if (isNew && record.uid !== null) this.#endLeaseBar(record, atMs);
    if (isNew || !sameOwner) {
      if (!isNew) this.#endLeaseBar(record, atMs);
      record.bars.push({
        fromMs: atMs,
        toMs: this.#toMs,
        owner,
        holder,
        hue: null,
        renewalsMs: [],
        releasedAtMs: null,
      });
    } else if (bar !== undefined) {
      if (change === 'renewed') bar.renewalsMs = [...bar.renewalsMs, atMs];
      else bar.releasedAtMs ??= atMs;
    }
    if (record.owner !== null && !sameOwner) {
      this.#pod(record.owner).endHolding(lease, record.uid === null ? record.deletedAtMs : atMs);
    }
    Object.assign(record, { uid: leaseUid, owner, released });
    if (owner !== null) {
      if (released) this.#pod(owner).endHolding(lease, atMs);
      else this.#pod(owner).beginHolding(lease, atMs, found ? null : revision);
    }
    if (change === 'renewed') return;
    const glyphs = {
      found: 'note',
      created: 'leaseCreated',
      restored: 'leaseRestored',
      given: 'leaseGiven',
      released: 'leaseReleased',
    } as const;
    this.#mark(event, glyphs[change], { lane: 'lease', lease }, wordsOfLease(event, change));
  }

  #addLeaseDeletion(event: TimelineEventOf<'leaseDeleted'>, words: Words): void {
    const { lease, leaseUid, atMs } = event;
    const record = this.#leases.get(lease);
    if (record !== undefined && record.uid === leaseUid) {
      this.#endLeaseBar(record, atMs);
      record.uid = null;
      record.deletedAtMs = atMs;
    }
    if (record === undefined) {
      this.#leases.set(lease, { bars: [], uid: null, owner: null, released: false, deletedAtMs: atMs });
    }
    this.#mark(event, 'leaseDeleted', { lane: 'lease', lease }, words);
  }

  #endLeaseBar({ bars }: LeaseRecord, atMs: number): void {
    const bar = bars.at(-1);
    if (bar !== undefined) bar.toMs = Math.min(bar.toMs, atMs);
  }

  finish(eventsLost: number): Timeline {
    for (const [lease, { uid, owner, deletedAtMs }] of this.#leases) {
      if (owner !== null && uid === null) this.#pod(owner).endHolding(lease, deletedAtMs);
    }
    const lanes = [...this.#pods.values()].map((pod) => pod.finish(this.#toMs));
    const hues = huesOf(lanes);
    const kept = keptLanes(lanes);
    const keptUids = new Set(kept.map(({ pod }) => pod.uid));
    const drawable = this.#marks.filter(({ place }) => place.lane !== 'pod' || keptUids.has(place.uid));
    const marks = drawable.slice(-MARK_LIMIT).map((mark): Mark => ({ ...mark, toMs: barEnd(mark, kept) }));
    return {
      fromMs: this.#fromMs,
      toMs: this.#toMs,
      pods: kept.map((lane) => ({ ...lane, hue: hues.get(lane.pod.uid) ?? null })),
      leases: [...this.#leases].map(
        ([lease, { bars }]): LeaseLane => ({
          lease,
          bars: bars.map((bar) => ({ ...bar, hue: hues.get(bar.owner?.uid ?? '') ?? null })),
        }),
      ),
      outages: this.#outages.map((outage): Outage => ({ ...outage, toMs: outage.toMs ?? this.#toMs })),
      steps: this.#steps.map((step): Step => ({ ...step })),
      marks,
      omissions: omissionsOf(eventsLost, drawable.length - marks.length, lanes.length - kept.length),
    };
  }
}

function changeOf(
  isNew: boolean,
  sameOwner: boolean,
  record: LeaseRecord,
  { owner, released, found = false }: TimelineEventOf<'leaseWritten'>,
): LeaseChange {
  if (found && (isNew || !sameOwner)) return 'found';
  if (isNew) return sameOwner && owner !== null && !record.released ? 'restored' : 'created';
  if (!sameOwner) return 'given';
  return released && !record.released ? 'released' : 'renewed';
}

/** The end of the bar that begins with this mark. */
function barEnd({ glyph, atMs, place }: Placed, lanes: readonly PodLane[]): number {
  if (glyph !== 'elected' || place.lane !== 'pod') return atMs;
  const lane = lanes.find(({ pod }) => pod.uid === place.uid);
  const bar = lane?.bars.find(({ fromMs, track }) => fromMs === atMs && track === place.track);
  return bar?.toMs ?? atMs;
}

/** The Pods that lead, in the order in which they begin. */
function huesOf(lanes: readonly PodLane[]): ReadonlyMap<string, number> {
  const leading = lanes.filter(({ bars }) => bars.length > 0);
  const byBegin = leading.toSorted((a, b) => (a.bars[0]?.fromMs ?? 0) - (b.bars[0]?.fromMs ?? 0));
  return new Map(byBegin.map(({ pod }, index) => [pod.uid, index]));
}

/** When there are too many Pods, those that never lead are left out first, and of these the latest. */
function keptLanes(lanes: readonly PodLane[]): readonly PodLane[] {
  const ranked = lanes.toSorted((a, b) => Number(b.bars.length > 0) - Number(a.bars.length > 0));
  const kept = new Set(ranked.slice(0, LANE_LIMIT));
  return lanes.filter((lane) => kept.has(lane));
}

function omissionsOf(lost: number, marks: number, lanes: number): readonly string[] {
  const were = (count: number, noun: string): string =>
    count === 1 ? `one ${noun} is left out` : `${count.toLocaleString('en')} ${noun}s are left out`;
  return [
    ...(lost > 0 ? [`At the beginning, ${were(lost, 'event')}: the recorder keeps only the latest.`] : []),
    ...(marks > 0
      ? [`At the beginning, ${were(marks, 'mark')}: a page shows the latest ${MARK_LIMIT.toLocaleString('en')}.`]
      : []),
    ...(lanes > 0
      ? [`Of the Pods, ${were(lanes, 'lane')}: a page shows ${LANE_LIMIT}, and first those that led.`]
      : []),
  ];
}

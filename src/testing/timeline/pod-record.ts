/**
 * The record of one Pod while a timeline is built: its processes, their terms, and the time in which it owns a Lease.
 */

import type { TimelineEvent, TimelinePod } from './timeline-event.ts';
import type { Bar, BarKind, Glyph, PodLane, Span, Stretch } from './timeline-model.ts';

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** The events that change one Pod. */
type PodEvent = Exclude<
  Extract<TimelineEvent, { readonly pod: TimelinePod }>,
  { readonly type: 'noted' | 'leaseWritten' | 'leaseDeleted' }
>;

/** A term of one process, from its election to the end of its work. */
interface TermRecord {
  readonly process: string;
  readonly lease: string | undefined;
  readonly token: bigint | null;
  readonly fromMs: number;
  demotedAtMs: number | null;
  toMs: number | null;
  readonly track: number;
}

/** A time in which the Pod owns a Lease that it has not released. */
interface Holding {
  readonly lease: string | undefined;
  readonly token: bigint | null;
  readonly fromMs: number;
  toMs: number | null;
}

interface ProcessRecord {
  readonly row: number;
  readonly fromMs: number;
  toMs: number | null;
  readonly pauses: { readonly kind: 'hangs' | 'cutOff'; readonly fromMs: number; toMs: number | null }[];
}

/** The look and the place of an event in the lane. */
interface Placing {
  readonly glyph: Glyph;
  readonly row: number;
  readonly track: number;
}

/** A shorter gap, in milliseconds, is not a crash: it is the time from a write to the report of the process. */
const SHORT_GAP_MS = 250;

/** Everything about one Pod. */
export class PodRecord {
  readonly pod: TimelinePod;
  /** Null if the Pod existed before the first event. */
  #createdAtMs: number | null = null;
  #terminatingAtMs: number | null = null;
  #goneAtMs: number | null = null;
  readonly #beginMs: number;
  readonly #processes = new Map<string, ProcessRecord>();
  readonly #rows: (ProcessRecord | undefined)[] = [];
  readonly #terms: TermRecord[] = [];
  readonly #holdings: Holding[] = [];

  /** @param beginMs the time of the first event of the timeline */
  constructor(pod: TimelinePod, beginMs: number) {
    this.pod = pod;
    this.#beginMs = beginMs;
  }

  /** Returns the look of the event, or null when it changes nothing. */
  apply(event: PodEvent): Placing | null {
    switch (event.type) {
      case 'podCreated':
        if (this.#createdAtMs !== null || this.#goneAtMs !== null) return null;
        this.#createdAtMs = event.atMs;
        return { glyph: 'created', row: 0, track: 0 };
      case 'podTerminating':
        if (this.#terminatingAtMs !== null || this.#goneAtMs !== null) return null;
        this.#terminatingAtMs = event.atMs;
        return { glyph: 'terminating', row: 0, track: 0 };
      case 'podFinished':
        return { glyph: 'finished', row: 0, track: 0 };
      case 'podGone':
        if (this.#goneAtMs !== null) return null;
        this.#goneAtMs = event.atMs;
        return { glyph: event.forced ? 'forced' : 'gone', row: 0, track: 0 };
      case 'elected':
      case 'demoted':
      case 'workEnded':
        return this.#applyToTerm(event);
      default:
        return this.#applyToProcess(event);
    }
  }

  /** The row of a process. Its start can be unknown. */
  placeOf(process: string | undefined): { readonly row: number } {
    return { row: this.#processes.get(process ?? '')?.row ?? 0 };
  }

  #applyToProcess(
    event: Extract<
      PodEvent,
      {
        readonly type:
          | 'processStarted'
          | 'processEnded'
          | 'processHung'
          | 'processResumed'
          | 'processCutOff'
          | 'processReconnected';
      }
    >,
  ): Placing | null {
    const { atMs } = event;
    const name = event.process ?? '';
    if (event.type === 'processStarted') {
      const before = this.#processes.get(name);
      if (before !== undefined && before.toMs === null) return null;
      return { glyph: 'started', row: this.#startProcess(name, atMs).row, track: 0 };
    }
    const process = this.#processes.get(name) ?? this.#startProcess(name, this.#createdAtMs ?? this.#beginMs);
    if (process.toMs !== null) return null;
    const { row } = process;
    if (event.type === 'processEnded') {
      process.toMs = atMs;
      for (const pause of process.pauses) pause.toMs ??= atMs;
      for (const term of this.#terms) if (term.process === name) term.toMs ??= atMs;
      return { glyph: event.crashed ? 'crashed' : 'ended', row, track: 0 };
    }
    const kind = event.type === 'processHung' || event.type === 'processResumed' ? 'hangs' : 'cutOff';
    const pause = process.pauses.find((one) => one.kind === kind && one.toMs === null);
    const begins = event.type === 'processHung' || event.type === 'processCutOff';
    if (begins === (pause !== undefined)) return null;
    if (pause !== undefined) pause.toMs = atMs;
    else process.pauses.push({ kind, fromMs: atMs, toMs: null });
    const glyphs = { hangs: ['hung', 'resumed'], cutOff: ['cutOff', 'reconnected'] } as const;
    return { glyph: glyphs[kind][begins ? 0 : 1], row, track: 0 };
  }

  #startProcess(name: string, atMs: number): ProcessRecord {
    const free = this.#rows.findIndex((process) => process === undefined || (process.toMs ?? Infinity) <= atMs);
    const row = free === -1 ? this.#rows.length : free;
    const process: ProcessRecord = { row, fromMs: atMs, toMs: null, pauses: [] };
    this.#rows[row] = process;
    this.#processes.set(name, process);
    return process;
  }

  #applyToTerm(event: Extract<PodEvent, { readonly type: 'elected' | 'demoted' | 'workEnded' }>): Placing | null {
    const { atMs, lease, process = '' } = event;
    const { row } = this.placeOf(process);
    const term = this.#terms.findLast((one) => one.process === process && one.lease === lease && one.toMs === null);
    if (event.type === 'elected') {
      if (term !== undefined) term.toMs = atMs;
      const track = this.#freeTrack(atMs);
      this.#terms.push({ process, lease, token: event.token, fromMs: atMs, demotedAtMs: null, toMs: null, track });
      return { glyph: 'elected', row, track };
    }
    if (term === undefined) {
      if (event.type === 'workEnded' || this.#terms.some((one) => one.process === process && one.lease === lease))
        return null;
      // Its election came before the first event that was kept.
      const fromMs = this.#createdAtMs ?? this.#beginMs;
      const track = this.#freeTrack(fromMs);
      const toMs = event.draining === true ? null : atMs;
      this.#terms.push({ process, lease, token: null, fromMs, demotedAtMs: atMs, toMs, track });
      return { glyph: 'demoted', row, track };
    }
    if (event.type === 'demoted') {
      if (term.demotedAtMs !== null) return null;
      term.demotedAtMs = atMs;
      if (event.draining !== true) term.toMs = atMs;
      return { glyph: 'demoted', row, track: term.track };
    }
    // Work that ends by itself does not end the term.
    if (term.demotedAtMs === null) return { glyph: 'note', row, track: term.track };
    term.toMs = atMs;
    return { glyph: 'drained', row, track: term.track };
  }

  #freeTrack(atMs: number): number {
    for (let track = 0; ; track += 1) {
      if (!this.#terms.some((term) => term.track === track && (term.toMs ?? Infinity) > atMs)) return track;
    }
  }

  /** The Pod owns the Lease from now on, if it did not already. */
  beginHolding(lease: string | undefined, atMs: number, token: bigint | null): void {
    if (this.#holdings.some((one) => one.lease === lease && one.toMs === null)) return;
    this.#holdings.push({ lease, token, fromMs: atMs, toMs: null });
  }

  endHolding(lease: string | undefined, atMs: number): void {
    const holding = this.#holdings.findLast((one) => one.lease === lease && one.toMs === null);
    if (holding !== undefined) holding.toMs = Math.max(holding.fromMs, atMs);
  }

  /** The lane. @param endMs the end of the timeline */
  finish(endMs: number): PodLane {
    const existsUntilMs = this.#goneAtMs ?? endMs;
    const hasReports = this.#terms.length > 0;
    const reported = this.#terms.flatMap((term) => this.#barsOf(term, endMs));
    const bars = [...reported];
    for (const holding of this.#holdings) {
      for (const bar of this.#barsOfHolding(holding, reported, hasReports, existsUntilMs)) {
        bars.push({ ...bar, track: lowestTrack(bar, bars) });
      }
    }
    bars.sort((a, b) => a.fromMs - b.fromMs || a.track - b.track);
    const stretches = [...this.#processes].flatMap(([, process]) => this.#stretchesOf(process, endMs));
    return {
      pod: this.pod,
      exists: { fromMs: Math.min(this.#createdAtMs ?? this.#beginMs, existsUntilMs), toMs: existsUntilMs },
      terminating: this.#terminatingAtMs === null ? null : { fromMs: this.#terminatingAtMs, toMs: existsUntilMs },
      bars,
      tracks: Math.max(0, ...bars.map(({ track }) => track + 1)),
      stretches,
      rows: Math.max(1, this.#rows.length),
      hue: null,
    };
  }

  /** A term has up to three parts: it leads, it leads as a ghost, it drains. */
  #barsOf(term: TermRecord, endMs: number): readonly Bar[] {
    const { fromMs, token, track } = term;
    const toMs = term.toMs ?? endMs;
    const demotedMs = Math.min(term.demotedAtMs ?? toMs, toMs);
    const goneMs = Math.min(Math.max(this.#goneAtMs ?? demotedMs, fromMs), demotedMs);
    const hangs = this.#pausesOf(term.process, endMs, 'hangs');
    const part = (kind: BarKind, from: number, to: number): readonly Bar[] =>
      to > from || (kind === 'leads' && toMs === fromMs)
        ? [{ kind, fromMs: from, toMs: to, token, track, hangs: within(hangs, { fromMs: from, toMs: to }) }]
        : [];
    return [...part('leads', fromMs, goneMs), ...part('ghost', goneMs, demotedMs), ...part('drains', demotedMs, toMs)];
  }

  /**
   * If no process of the Pod reports its terms, the bars show the Lease. Otherwise, in the remaining time, the Pod
   * keeps its term and no process of it leads.
   */
  #barsOfHolding(
    { token, fromMs, toMs }: Holding,
    reported: readonly Bar[],
    hasReports: boolean,
    existsUntilMs: number,
  ): readonly Bar[] {
    const span = { fromMs, toMs: Math.min(toMs ?? existsUntilMs, existsUntilMs) };
    if (!hasReports) return span.toMs > span.fromMs ? [{ ...span, kind: 'holds', token, track: 0, hangs: [] }] : [];
    // The gap from the write that wins the Lease to the report of the election is the beginning of the term.
    const begins = (gap: Span): boolean => gap.fromMs === fromMs && reported.some((bar) => bar.fromMs === gap.toMs);
    return without(span, reported)
      .filter((gap) => gap.toMs - gap.fromMs >= SHORT_GAP_MS && !begins(gap))
      .map((gap): Bar => ({ ...gap, kind: 'keeps', token: null, track: 0, hangs: [] }));
  }

  #pausesOf(process: string, endMs: number, kind: 'hangs' | 'cutOff'): readonly Span[] {
    const pauses = this.#processes.get(process)?.pauses.filter((pause) => pause.kind === kind) ?? [];
    return pauses.map(({ fromMs, toMs }) => ({ fromMs, toMs: toMs ?? endMs }));
  }

  #stretchesOf(process: ProcessRecord, endMs: number): readonly Stretch[] {
    const { row, fromMs } = process;
    const life = { fromMs, toMs: process.toMs ?? endMs };
    const pausesOf = (kind: 'hangs' | 'cutOff'): readonly Span[] =>
      process.pauses
        .filter((pause) => pause.kind === kind)
        .map((pause) => ({ fromMs: pause.fromMs, toMs: pause.toMs ?? endMs }));
    // A process that hangs does not notice that it is cut off.
    const hangs = pausesOf('hangs');
    const cutOff = pausesOf('cutOff').flatMap((span) => without(span, hangs));
    const rest = without(life, [...hangs, ...cutOff]);
    const goneMs = this.#goneAtMs ?? endMs;
    const runs = within(rest, { fromMs: Number.NEGATIVE_INFINITY, toMs: goneMs });
    const ghosts = within(rest, { fromMs: goneMs, toMs: endMs });
    const parts: readonly (readonly [Stretch['kind'], readonly Span[]])[] = [
      ['runs', runs],
      ['hangs', hangs],
      ['cutOff', cutOff],
      ['ghost', ghosts],
    ];
    return parts
      .flatMap(([kind, spans]) => spans.map((span): Stretch => ({ ...span, kind, row })))
      .toSorted((a, b) => a.fromMs - b.fromMs);
  }
}

/** The lowest track on which a bar overlaps no other. */
function lowestTrack(span: Span, bars: readonly Bar[]): number {
  const taken = bars.filter(({ fromMs, toMs }) => fromMs < span.toMs && toMs > span.fromMs).map(({ track }) => track);
  for (let track = 0; ; track += 1) if (!taken.includes(track)) return track;
}

/** The parts of spans that lie within another. */
function within(spans: readonly Span[], outer: Span): readonly Span[] {
  return spans
    .map(({ fromMs, toMs }) => ({ fromMs: Math.max(fromMs, outer.fromMs), toMs: Math.min(toMs, outer.toMs) }))
    .filter(({ fromMs, toMs }) => toMs > fromMs);
}

/** The parts of a span that lie outside all of the others. */
function without(span: Span, others: readonly Span[]): readonly Span[] {
  let left: readonly Mutable<Span>[] = [span];
  for (const { fromMs, toMs } of others) {
    left = left.flatMap((part) => [
      { fromMs: part.fromMs, toMs: Math.min(part.toMs, fromMs) },
      { fromMs: Math.max(part.fromMs, toMs), toMs: part.toMs },
    ]);
    left = left.filter((part) => part.toMs > part.fromMs);
  }
  return left;
}

/**
 * The judgement over a play: did two ever lead at once, did leadership move only where it must, did every step happen?
 *
 * Pure: happenings in, verdict out. It believes no candidate about the Lease: terms are held against the Lease that
 * the director watched, and the end of Pods and the beginning of terms against the cluster's own order of revisions.
 */

import type { Happening, PodReference } from './happening.ts';

/** What leadership must do during a step. */
export type Leadership = 'begins' | 'stays' | 'moves';

/** A step that must happen. */
export interface RequiredStep {
  readonly id: string;
  readonly leadership: Leadership;
}

/** From `onElected` to the end of the job, of one process. */
export interface Term {
  readonly process: string;
  readonly pod: PodReference;
  readonly token: bigint;
  readonly resumed: boolean;
  readonly fromMs: number;
  /** When its job was over or its process ended; Infinity while neither has happened. */
  readonly toMs: number;
}

/** A process that went on leading after its Pod was gone. */
export interface Ghost {
  readonly term: Term;
  readonly successor: Term | null;
  /** From the end of its Pod until it learnt of it and stopped leading; null when it never did. */
  readonly learntAfterMs: number | null;
  /** From the end of its Pod until its job was over. */
  readonly workedForMs: number;
  /** For how long its successor led, too. */
  readonly besideSuccessorMs: number;
}

/** The judgement. */
export interface Verdict {
  /** What must not have happened, in words; empty when all is well. */
  readonly violations: readonly string[];
  /** The most processes that led at the same time while their Pods existed. */
  readonly leadersAtOnce: number;
  /** In the order in which they began. */
  readonly terms: readonly Term[];
  readonly ghosts: readonly Ghost[];
  readonly ticks: number;
}

/** The end of a Pod. */
interface PodEnd {
  readonly atMs: number;
  readonly revision: bigint;
}

/** Judges a whole play. */
export function judge(required: readonly RequiredStep[], happenings: readonly Happening[]): Verdict {
  const terms = termsOf(happenings);
  const podEnds = podEndsOf(happenings);
  const overlaps = overlapsOf(terms, podEnds);
  return {
    violations: [
      ...overlaps.filter(({ excused }) => !excused).map(twoLeaders),
      ...shrunkenTokens(terms),
      ...unprovenTerms(terms, happenings),
      ...wrongMoves(required, happenings),
      ...missingSteps(required, happenings),
      ...happenings.flatMap((event) => (event.type === 'sightLost' ? [`the director went blind: ${event.text}`] : [])),
    ],
    leadersAtOnce: mostAtOnce(terms, overlaps),
    terms,
    ghosts: ghostsOf(terms, podEnds, happenings),
    ticks: happenings.filter(({ type }) => type === 'jobTicked').length,
  };
}

function termsOf(happenings: readonly Happening[]): readonly Term[] {
  const pods = new Map<string, PodReference>();
  const terms: Term[] = [];
  const open = new Map<string, number>();
  const close = (process: string, atMs: number): void => {
    const index = open.get(process);
    const term = index === undefined ? undefined : terms[index];
    if (index === undefined || term === undefined) return;
    terms[index] = { ...term, toMs: atMs };
    open.delete(process);
  };
  for (const happening of happenings) {
    if (happening.type === 'processStarted') pods.set(happening.process, happening.pod);
    if (happening.type === 'jobEnded' || happening.type === 'processEnded') close(happening.process, happening.atMs);
    if (happening.type !== 'elected') continue;
    const { process, token, resumed, atMs } = happening;
    const pod = pods.get(process);
    if (pod === undefined) throw new Error(`${process} was elected before it was started`);
    // An earlier term of the same process whose job has not ended goes on beside this one.
    open.set(process, terms.length);
    terms.push({ process, pod, token, resumed, fromMs: atMs, toMs: Number.POSITIVE_INFINITY });
  }
  return terms.toSorted((a, b) => a.fromMs - b.fromMs);
}

function podEndsOf(happenings: readonly Happening[]): ReadonlyMap<string, PodEnd> {
  const ends = new Map<string, PodEnd>();
  for (const event of happenings) {
    if (event.type === 'podGone') ends.set(event.pod.uid, { atMs: event.atMs, revision: event.revision });
  }
  return ends;
}

/** Two terms with a moment in common. */
interface Overlap {
  readonly earlier: Term;
  readonly later: Term;
  readonly forMs: number;
  /**
   * The earlier one's Pod was gone before the later term began. Told by revisions, not by clocks: the later token is
   * the revision of a write, and the cluster gives the end of a Pod a revision in the same order.
   */
  readonly excused: boolean;
}

function overlapsOf(terms: readonly Term[], podEnds: ReadonlyMap<string, PodEnd>): readonly Overlap[] {
  return terms.flatMap((earlier, index) =>
    terms.slice(index + 1).flatMap((later): Overlap[] => {
      const forMs = Math.min(earlier.toMs, later.toMs) - later.fromMs;
      if (forMs <= 0) return [];
      const end = podEnds.get(earlier.pod.uid);
      return [{ earlier, later, forMs, excused: end !== undefined && end.revision < later.token }];
    }),
  );
}

function twoLeaders({ earlier, later, forMs }: Overlap): string {
  const long = forMs === Number.POSITIVE_INFINITY ? 'until the end of the play' : `for ${forMs.toFixed(1)} ms`;
  return `two leaders at once ${long}: ${nameOf(earlier)} and ${nameOf(later)}`;
}

function mostAtOnce(terms: readonly Term[], overlaps: readonly Overlap[]): number {
  // The most is reached at the beginning of some term.
  const counts = terms.map(
    (term) =>
      1 +
      overlaps.filter(({ earlier, later, excused }) => later === term && !excused && earlier.toMs > term.fromMs).length,
  );
  return Math.max(0, ...counts);
}

function shrunkenTokens(terms: readonly Term[]): readonly string[] {
  return terms.flatMap((term, index) => {
    const before = terms[index - 1];
    if (before === undefined || before.token < term.token) return [];
    return [`the fencing token did not grow: ${nameOf(term)} came after ${nameOf(before)}`];
  });
}

/** A term is proven by a write to the Lease, with the token as its revision and the Pod as its owner. */
function unprovenTerms(terms: readonly Term[], happenings: readonly Happening[]): readonly string[] {
  return terms.flatMap((term) => {
    const proven = happenings.some(
      (event) =>
        event.type === 'leaseWritten' &&
        event.revision === term.token &&
        event.ownerUid === term.pod.uid &&
        !event.released,
    );
    return proven ? [] : [`nothing in the Lease proves that ${nameOf(term)} leads`];
  });
}

function ghostsOf(
  terms: readonly Term[],
  podEnds: ReadonlyMap<string, PodEnd>,
  happenings: readonly Happening[],
): readonly Ghost[] {
  return terms.flatMap((term, index) => {
    const end = podEnds.get(term.pod.uid);
    if (end === undefined || term.toMs <= end.atMs) return [];
    const demotion = happenings.find(
      ({ type, atMs, ...event }) =>
        type === 'demoted' && 'process' in event && event.process === term.process && atMs >= term.fromMs,
    );
    const successor = terms.slice(index + 1).find(({ pod }) => pod.uid !== term.pod.uid) ?? null;
    return [
      {
        term,
        successor,
        // The process may learn of it a moment before the director does.
        learntAfterMs: demotion === undefined ? null : Math.max(0, demotion.atMs - end.atMs),
        workedForMs: term.toMs - end.atMs,
        besideSuccessorMs: successor === null ? 0 : Math.max(0, term.toMs - successor.fromMs),
      },
    ];
  });
}

/** Who leads changes when a Pod is elected that did not lead before, and when the Lease gets another owner. */
function wrongMoves(required: readonly RequiredStep[], happenings: readonly Happening[]): readonly string[] {
  const pods = new Map<string, PodReference>();
  const moves = new Map<string | null, { elections: number; owners: number }>();
  const movesIn = (step: string | null): { elections: number; owners: number } => {
    const counted = moves.get(step) ?? { elections: 0, owners: 0 };
    moves.set(step, counted);
    return counted;
  };
  let step: string | null = null;
  let elected: string | null = null;
  let owner: string | null = null;
  for (const event of happenings) {
    if (event.type === 'stepBegan') step = event.step;
    if (event.type === 'stepDone' || event.type === 'stepFailed') step = null;
    if (event.type === 'processStarted') pods.set(event.process, event.pod);
    if (event.type === 'elected') {
      const uid = pods.get(event.process)?.uid ?? null;
      if (uid !== elected) movesIn(step).elections += 1;
      elected = uid;
    }
    // A Lease without an owner has not been given to anybody.
    if (event.type === 'leaseWritten' && event.ownerUid !== null) {
      if (event.ownerUid !== owner) movesIn(step).owners += 1;
      owner = event.ownerUid;
    }
  }
  const done = new Set(happenings.flatMap((event) => (event.type === 'stepDone' ? [event.step] : [])));
  const judged = [
    ...required.map(({ id, leadership }) => ({ id, due: leadership === 'stays' ? 0 : 1 })),
    { id: null, due: 0 },
  ];
  return judged.flatMap(({ id, due }) => {
    const { elections, owners } = movesIn(id);
    const where = id === null ? 'outside of any step' : `in step "${id}"`;
    // That a step broke off before anything moved is told as a missing step already.
    const isWrong = (count: number): boolean => count > due || (count < due && id !== null && done.has(id));
    return [
      ...(isWrong(elections) ? [`leadership moved ${times(elections)} ${where}, not ${times(due)}`] : []),
      ...(isWrong(owners) ? [`the Lease changed its owner ${times(owners)} ${where}, not ${times(due)}`] : []),
    ];
  });
}

function missingSteps(required: readonly RequiredStep[], happenings: readonly Happening[]): readonly string[] {
  return required.flatMap(({ id }) => {
    const done = happenings.some((event) => event.type === 'stepDone' && event.step === id);
    const failed = happenings.find((event) => event.type === 'stepFailed' && event.step === id);
    if (failed?.type === 'stepFailed') return [`step "${id}" did not happen: ${failed.outcome}`];
    return done ? [] : [`step "${id}" did not happen`];
  });
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function nameOf({ process, token }: Term): string {
  return `${process} (token ${token})`;
}

/**
 * The verdict: whether two processes ever led at once, leadership moved only where it must, and every step happened.
 *
 * It is a pure function of the events. It does not rely on a candidate's reports about the Lease. It compares each term
 * with the writes of the cluster. The revisions of the cluster decide whether a Pod ended before a term began.
 */

import { type DemoEvent, type DemoEventOf, eventsOf } from './demo-event.ts';

/** A step that must happen, and what leadership must do in it. */
export interface RequiredStep {
  readonly id: string;
  readonly leadership: 'begins' | 'stays' | 'moves';
}

/** One term of one process, from `onElected` to the end of its job. */
export interface Term extends Pick<DemoEventOf<'elected'>, 'process' | 'pod' | 'token'> {
  readonly fromMs: number;
  /** The end of its job or of its process; Infinity while neither has happened. */
  readonly toMs: number;
}

/** A process whose term lasted longer than its Pod. */
export interface Ghost {
  readonly term: Term;
  readonly successor: Term | null;
  /** From the end of its Pod to its demotion; null without a demotion. */
  readonly demotedAfterMs: number | null;
  /** From its demotion to the end of its job. In this time it does not lead. */
  readonly drainedForMs: number;
  /** From the start of its successor's term to its own demotion: for this long two processes led. */
  readonly besideSuccessorMs: number;
}

/** The result. */
export interface Verdict {
  /** The violations in words. Empty when all went well. */
  readonly violations: readonly string[];
  /** The most processes that led at the same time while their Pods existed. */
  readonly leadersAtOnce: number;
  /** In the order in which they began. */
  readonly terms: readonly Term[];
  readonly ghosts: readonly Ghost[];
  readonly ticks: number;
}

/** Two terms with a moment in common, while the Pods of both existed. */
type Overlap = readonly [earlier: Term, later: Term, forMs: number];

type PodEnds = ReadonlyMap<string, DemoEventOf<'podGone'>>;

/** Judges the events of a whole demo. */
export function judge(required: readonly RequiredStep[], events: readonly DemoEvent[]): Verdict {
  const terms = termsOf(events);
  const podEnds: PodEnds = new Map(eventsOf(events, 'podGone').map((event) => [event.pod.uid, event]));
  const overlaps = overlapsOf(terms, podEnds);
  // The maximum is reached at the start of a term.
  const counts = terms.map((term) => 1 + overlaps.filter(([, later]) => later === term).length);
  return {
    violations: [
      ...overlaps.map(twoLeaders),
      ...shrunkenTokens(terms),
      ...unprovenTerms(terms, eventsOf(events, 'leaseWritten')),
      ...wrongMoves(required, events),
      ...missingSteps(required, events),
    ],
    leadersAtOnce: Math.max(0, ...counts),
    terms,
    ghosts: ghostsOf(terms, podEnds, events),
    ticks: eventsOf(events, 'jobTicked').length,
  };
}

function termsOf(events: readonly DemoEvent[]): readonly Term[] {
  const terms = eventsOf(events, 'elected').map(({ process, pod, token, atMs: fromMs }): Term => {
    const ends = [...eventsOf(events, 'workEnded'), ...eventsOf(events, 'processEnded')]
      .filter((event) => event.process === process && event.atMs >= fromMs)
      .map(({ atMs }) => atMs);
    return { process, pod, token, fromMs, toMs: Math.min(Number.POSITIVE_INFINITY, ...ends) };
  });
  return terms.toSorted((a, b) => a.fromMs - b.fromMs);
}

/**
 * An overlap is excused when the Pod of the earlier term was gone before the later term began. Revisions decide this, not
 * clocks: the later token is the revision of a write, and the end of a Pod has a revision in the same order.
 */
function overlapsOf(terms: readonly Term[], podEnds: PodEnds): readonly Overlap[] {
  return terms.flatMap((earlier, index) =>
    terms.slice(index + 1).flatMap((later): Overlap[] => {
      const forMs = Math.min(earlier.toMs, later.toMs) - later.fromMs;
      const end = podEnds.get(earlier.pod.uid);
      const excused = end !== undefined && end.revision < later.token;
      return forMs <= 0 || excused ? [] : [[earlier, later, forMs]];
    }),
  );
}

function twoLeaders([earlier, later, forMs]: Overlap): string {
  const long = forMs === Number.POSITIVE_INFINITY ? 'until the end of the demo' : `for ${forMs.toFixed(1)} ms`;
  return `two leaders at once ${long}: ${nameOf(earlier)} and ${nameOf(later)}`;
}

function shrunkenTokens(terms: readonly Term[]): readonly string[] {
  return terms.flatMap((term, index) => {
    const before = terms[index - 1];
    if (before === undefined || before.token < term.token) return [];
    return [`the fencing token did not grow: ${nameOf(term)} came after ${nameOf(before)}`];
  });
}

/** A write to the Lease proves a term: the token is its revision, and the Pod owns the Lease. */
function unprovenTerms(terms: readonly Term[], writes: readonly DemoEventOf<'leaseWritten'>[]): readonly string[] {
  return terms.flatMap((term) => {
    const isProof = ({ revision, owner, released }: DemoEventOf<'leaseWritten'>): boolean =>
      revision === term.token && owner?.uid === term.pod.uid && !released;
    return writes.some(isProof) ? [] : [`nothing in the Lease proves that ${nameOf(term)} leads`];
  });
}

function ghostsOf(terms: readonly Term[], podEnds: PodEnds, events: readonly DemoEvent[]): readonly Ghost[] {
  const demotions = eventsOf(events, 'demoted');
  return terms.flatMap((term, index): readonly Ghost[] => {
    const endMs = podEnds.get(term.pod.uid)?.atMs ?? Number.POSITIVE_INFINITY;
    if (term.toMs <= endMs) return [];
    const demotion = demotions.find(({ process, atMs }) => process === term.process && atMs >= term.fromMs);
    const successor = terms.slice(index + 1).find(({ pod }) => pod.uid !== term.pod.uid) ?? null;
    const ledUntilMs = demotion?.atMs ?? term.toMs;
    const demotedAfterMs = demotion === undefined ? null : Math.max(0, ledUntilMs - endMs);
    const besideSuccessorMs = successor === null ? 0 : Math.max(0, ledUntilMs - successor.fromMs);
    return [{ term, successor, demotedAfterMs, drainedForMs: term.toMs - ledUntilMs, besideSuccessorMs }];
  });
}

/** Leadership moves when another Pod than before is elected, and when the Lease gets another owner. */
function wrongMoves(required: readonly RequiredStep[], events: readonly DemoEvent[]): readonly string[] {
  const moves: { readonly step: string | null; readonly what: string }[] = [];
  const uids = new Map<string, string>();
  let step: string | null = null;
  for (const event of events) {
    if ('step' in event) step = event.type === 'stepBegan' ? event.step : null;
    const what = event.type === 'elected' ? 'leadership moved' : 'the Lease changed its owner';
    const pod = event.type === 'elected' ? event.pod : event.type === 'leaseWritten' ? event.owner : null;
    // A Lease without an owner has no holder.
    if (pod === null || uids.get(what) === pod.uid) continue;
    moves.push({ step, what });
    uids.set(what, pod.uid);
  }
  const outside = { id: null, leadership: 'stays' };
  return [...required, outside].flatMap(({ id, leadership }) =>
    ['leadership moved', 'the Lease changed its owner'].flatMap((what) => {
      const due = leadership === 'stays' ? 0 : 1;
      const count = moves.filter((move) => move.step === id && move.what === what).length;
      // A step that failed before a move is reported as a missing step.
      const isDone = eventsOf(events, 'stepEnded').some((end) => end.step === id && end.tookMs !== null);
      if (count === due || (count < due && !isDone)) return [];
      return [`${what} ${times(count)} ${id === null ? 'outside of any step' : `in step "${id}"`}, not ${times(due)}`];
    }),
  );
}

function missingSteps(required: readonly RequiredStep[], events: readonly DemoEvent[]): readonly string[] {
  return required.flatMap(({ id }) => {
    const end = eventsOf(events, 'stepEnded').find(({ step }) => step === id);
    if (end === undefined) return [`step "${id}" did not happen`];
    return end.tookMs === null ? [`step "${id}" did not happen: ${end.outcome}`] : [];
  });
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

function nameOf({ process, token }: Term): string {
  return `${process} (token ${token})`;
}

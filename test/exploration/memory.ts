/**
 * Keeps one copy of each part of a world, and caches the results of its steps. So millions of worlds share some
 * thousands of processes and clusters, and each step is computed once.
 */

import type { Announcement } from '../../src/core/effect.ts';
import { plainCluster, plainProcess } from './abstraction.ts';
import type { Record } from './checkers.ts';
import {
  type Answered,
  type Change,
  type Cluster,
  type ClusterEvent,
  carryOut,
  type Request,
} from './cluster-model.ts';
import { type Core, enqueue, type InFlight, type Process, ProcessStep, withAnswer } from './process-model.ts';
import { rename, revisionsIn } from './rewriting.ts';
import type { OrphanedRequest } from './world.ts';

/** The result of a step of a process. */
export interface ProcessStepResult {
  readonly process: Process;
  readonly announcements: readonly Announcement[];
  readonly abandoned: InFlight | undefined;
}

type Served = Change & { readonly answer: Answered };

/** The cached data of a part. */
interface Note {
  readonly id: number;
  /** The revisions that the part names, as bits. */
  readonly revisions: number;
  /** The results of the steps of the part, by the step. */
  readonly results: Map<unknown, unknown>;
  readonly compacted: Map<number, object>;
  readonly permuted: (object | undefined)[];
}

/** The key of the note on a part. A copy that is made by spread has no note. */
const NOTE = Symbol('note');

interface Kept {
  readonly [NOTE]?: Note;
}

export type PartKind = 'process' | 'cluster' | 'record' | 'orphanedRequests';

/** The reduction of each kind of part to its plain form. */
const PLAIN_FORMS: { readonly [Kind in PartKind]: (value: object) => object } = {
  process: (value: object) => plainProcess(value as Process),
  cluster: (value: object) => plainCluster(value as Cluster),
  record: (value: object) => plainRecord(value as Record),
  orphanedRequests: (value: object) => value,
};

export class Memory {
  readonly core: Core;
  /** Caches nothing, and does not reduce parts to their plain form. */
  readonly exact: boolean;
  readonly #parts: { readonly [Kind in PartKind]: Map<string, object> } = {
    process: new Map(),
    cluster: new Map(),
    record: new Map(),
    orphanedRequests: new Map(),
  };
  readonly #byId: object[] = [];
  /** @param exact caches nothing and reduces nothing, so that times stay exact */
  constructor(core: Core, exact = false) {
    this.core = core;
    this.exact = exact;
  }

  /** The kept copy that is equal to this part. */
  keep<Part extends object>(kind: PartKind, part: Part): Part {
    if (this.exact || NOTE in part) return part;
    const plain = PLAIN_FORMS[kind](part) as Part;
    const key = JSON.stringify(plain);
    const known = this.#parts[kind].get(key);
    if (known !== undefined) return known as Part;
    this.#parts[kind].set(key, plain);
    const note: Note = {
      id: this.#byId.length,
      revisions: revisionsOf(kind, plain),
      results: new Map(),
      compacted: new Map(),
      permuted: [],
    };
    Object.defineProperty(plain, NOTE, { value: note });
    this.#byId.push(plain);
    return plain;
  }

  idOf(part: object): number {
    return noteOf(part).id;
  }

  partOf(id: number): object {
    return this.#byId[id] as object;
  }

  revisionsOf(part: object): number {
    return noteOf(part).revisions;
  }

  runStep(process: Process, name: string, action: (step: ProcessStep) => void): ProcessStepResult {
    return this.#cached(process, name, () => {
      const step = new ProcessStep(this.core, process);
      action(step);
      const relevant = step.announcements.filter(({ type }) => type === 'elected' || type === 'demoted');
      return { process: this.keep('process', step.end()), announcements: relevant, abandoned: step.abandoned };
    });
  }

  serve(cluster: Cluster, request: Request): Served {
    return this.#cached(cluster, request, () => {
      const served = carryOut(cluster, request, this.core.preconditions);
      return { ...served, cluster: this.keep('cluster', served.cluster) };
    });
  }

  answered(process: Process, answer: Answered): Process {
    return this.#cached(process, answer, () => this.keep('process', withAnswer(process, answer)));
  }

  enqueued(process: Process, event: ClusterEvent): Process {
    return this.#cached(process, event, () => this.keep('process', enqueue(process, event)));
  }

  #cached<Result>(part: object, what: unknown, find: () => Result): Result {
    if (this.exact) return find();
    const { results } = noteOf(part);
    let result = results.get(what) as Result | undefined;
    if (result === undefined) {
      result = find();
      results.set(what, result);
    }
    return result;
  }

  /** Changes a cluster. `what` identifies the change in the cache. */
  change(cluster: Cluster, what: string, find: () => Change): Change {
    return this.#cached(cluster, what, () => {
      const change = find();
      return { ...change, cluster: this.keep('cluster', change.cluster) };
    });
  }

  orphanedRequests(
    orphanedRequests: readonly OrphanedRequest[],
    what: unknown,
    find: () => readonly OrphanedRequest[],
  ): readonly OrphanedRequest[] {
    return this.#cached(orphanedRequests, what, () => this.keep('orphanedRequests', find()));
  }

  /** The same part with its revisions renumbered: those in use are numbered from 1 without a gap. */
  compact<Part extends object>(kind: PartKind, part: Part, inUse: number): Part {
    const { compacted, revisions } = noteOf(part);
    const most = kind === 'cluster' ? rankOf(31, inUse) : 0;
    // Revisions of other parts matter only because they shift those of this part.
    let shift = most;
    for (let bits = revisions & ~1; bits !== 0; bits &= bits - 1) {
      shift = shift * 32 + rankOf(31 - Math.clz32(bits & -bits), inUse);
    }
    if (shift > Number.MAX_SAFE_INTEGER) throw new Error('a part names too many revisions');
    let compact = compacted.get(shift);
    if (compact === undefined) {
      const renamed = rename(part, { revision: (revision) => rankOf(revision, inUse), slot: (slot) => slot });
      compact = this.keep(kind, kind === 'cluster' ? { ...renamed, revision: most } : renamed);
      compacted.set(shift, compact);
    }
    return compact as Part;
  }

  /** The same part with the candidates permuted. */
  permute<Part extends object>(kind: PartKind, part: Part, number: number, order: readonly number[]): Part {
    const { permuted } = noteOf(part);
    let other = permuted[number];
    if (other === undefined) {
      const renamed = rename(part, { revision: (revision) => revision, slot: (slot) => order[slot] as number });
      other = this.keep(kind, renamed);
      permuted[number] = other;
    }
    return other as Part;
  }
}

function noteOf(part: object): Note {
  const note = (part as Kept)[NOTE];
  if (note === undefined) throw new Error('a part of the world was not kept');
  return note;
}

function plainRecord(record: Record): Record {
  const { taken, moved, refused } = record;
  return { ...record, taken: taken.toSorted(), moved: moved.toSorted(), refused: refused.toSorted() };
}

/** The revision counter of a cluster is not a use of that revision. */
function revisionsOf(kind: PartKind, part: object): number {
  return revisionsIn(kind === 'cluster' ? { ...part, revision: 0 } : part);
}

/** The number of revisions in use up to this one. */
function rankOf(revision: number, inUse: number): number {
  let bits = revision >= 31 ? inUse : inUse & ((2 << revision) - 1);
  let count = 0;
  for (; bits !== 0; bits &= bits - 1) count += 1;
  return count;
}

/**
 * What there is to be seen at one moment: Pods, their processes, the Lease, the steps. A fold over the happenings.
 */

import type { Happening } from './happening.ts';
import { Narrator, type Remark } from './narration.ts';
import type { Step } from './play.ts';

/** How a process is. */
export type ProcessState = 'starting' | 'running' | 'suspended' | 'ended';

/** One row of the table: a Pod and the latest run of its container. */
export interface PodRow {
  readonly name: string;
  readonly uid: string;
  readonly pod: 'exists' | 'terminating' | 'gone';
  readonly process: string;
  readonly pid: number;
  readonly state: ProcessState;
  /** The token of its term while it leads. */
  readonly token: bigint | null;
  /** Its job goes on although it was demoted. */
  readonly works: boolean;
  /** Whom it knows to lead. */
  readonly sees: string | null;
  /** Whom it reports as stale. */
  readonly reportsStale: string | null;
  readonly ticks: number;
}

/** How far a step is. */
export interface StepRow {
  readonly step: Step;
  readonly state: 'to come' | 'playing' | 'done' | 'failed';
  readonly beganMs: number;
  readonly outcome: string;
  readonly tookMs: number | null;
}

/** The Lease as the director sees it. */
export interface LeaseRow {
  readonly holder: string | null;
  readonly revision: bigint;
  readonly released: boolean;
  readonly seenMs: number;
}

/** The latest state of everything. */
export class Scene {
  readonly #pods = new Map<string, PodRow>();
  readonly #narrator = new Narrator();
  readonly #remarks: Remark[] = [];
  #steps: readonly StepRow[];
  #lease: LeaseRow | null = null;

  constructor(steps: readonly Step[]) {
    this.#steps = steps.map((step) => ({ step, state: 'to come', beganMs: 0, outcome: '', tookMs: null }));
  }

  get pods(): readonly PodRow[] {
    return [...this.#pods.values()].toSorted((a, b) => a.name.localeCompare(b.name));
  }

  get steps(): readonly StepRow[] {
    return this.#steps;
  }

  get lease(): LeaseRow | null {
    return this.#lease;
  }

  get remarks(): readonly Remark[] {
    return this.#remarks;
  }

  /** Takes note. */
  apply(event: Happening): void {
    const remark = this.#narrator.tell(event);
    if (remark !== null) this.#remarks.push(remark);
    if ('step' in event) this.#applyToStep(event);
    else if ('pod' in event) this.#applyToPod(event);
    else if ('process' in event) this.#applyToProcess(event);
    else this.#applyToLease(event);
  }

  #applyToStep(event: Extract<Happening, { step: string }>): void {
    this.#steps = this.#steps.map((row): StepRow => {
      if (row.step.id !== event.step) return row;
      if (event.type === 'stepBegan') return { ...row, state: 'playing', beganMs: event.atMs };
      if (event.type === 'stepFailed') return { ...row, state: 'failed', outcome: event.outcome };
      return { ...row, state: 'done', outcome: event.outcome, tookMs: event.tookMs };
    });
  }

  #applyToPod(event: Extract<Happening, { pod: object }>): void {
    const { uid, name } = event.pod;
    const known = this.#pods.get(uid);
    if (event.type === 'processStarted') {
      const { process, pid } = event;
      const fresh = { token: null, works: false, sees: null, reportsStale: null };
      this.#pods.set(uid, { name, uid, pod: 'exists', ticks: 0, ...known, process, pid, state: 'starting', ...fresh });
      return;
    }
    if (known === undefined) return;
    if (event.type === 'podTerminating') this.#pods.set(uid, { ...known, pod: 'terminating' });
    if (event.type === 'podGone') this.#pods.set(uid, { ...known, pod: 'gone' });
  }

  #applyToProcess(event: Extract<Happening, { process: string }>): void {
    const row = this.pods.find(({ process }) => process === event.process);
    if (row !== undefined) this.#pods.set(row.uid, { ...row, ...changeOf(event, row) });
  }

  #applyToLease(event: Happening): void {
    if (event.type === 'leaseGone') this.#lease = null;
    if (event.type !== 'leaseWritten') return;
    const { holder, revision, released, atMs } = event;
    this.#lease = { holder, revision, released, seenMs: atMs };
    // A renewal is the end of a hang.
    for (const row of this.#pods.values()) {
      if (row.reportsStale === holder) this.#pods.set(row.uid, { ...row, reportsStale: null });
    }
  }
}

function changeOf(event: Extract<Happening, { process: string }>, row: PodRow): Partial<PodRow> {
  switch (event.type) {
    case 'processSuspended':
      return { state: 'suspended' };
    case 'processContinued':
      return { state: 'running' };
    case 'processEnded':
      return { state: 'ended', token: null, works: false, sees: null, reportsStale: null };
    case 'elected':
      return { state: 'running', token: event.token, works: true };
    case 'demoted':
      return { token: null };
    case 'jobTicked':
      return { ticks: row.ticks + 1 };
    case 'jobEnded':
      return { works: false };
    case 'leaderChanged':
      return { state: row.state === 'starting' ? 'running' : row.state, sees: event.leader };
    case 'stale':
      return { reportsStale: event.leader };
    case 'noted':
    case 'processStarted':
      return {};
  }
}

/**
 * The view model: the state of Pods, Lease and steps at one moment, and each event in words.
 *
 * An event that repeats what is known (a tick, a renewal) has no words.
 */

import type { DemoEvent, DemoEventOf } from './demo-event.ts';
import type { Step } from './script.ts';
import { type Style, seconds } from './styled-row.ts';

/** A Pod and the latest run of its container. */
export interface PodRow {
  readonly name: string;
  readonly uid: string;
  readonly process: string;
  readonly pid: number;
  /** Whether the Pod object is gone. */
  gone: boolean;
  state: 'starting' | 'running' | 'suspended' | 'ended';
  /** The token of its term while it leads. */
  token: bigint | null;
  /** When it was demoted, while it drains its job. */
  drainsSinceMs: number | null;
  /** The Pod that it sees lead. */
  sees: string | null;
  reportsStale: boolean;
  ticks: number;
}

/** A step and its progress. */
export interface StepRow extends Step {
  state: 'to come' | 'running' | 'done' | 'failed';
  beganMs: number;
  outcome: string;
  tookMs: number | null;
}

/** An event in words. `who` is the step, the process, `cluster`, or `demo`. */
export type Words = readonly [who: string, text: string, style?: Style];

/** The state after the events so far. */
export class ViewModel {
  readonly steps: readonly StepRow[];
  readonly #pods = new Map<string, PodRow>();
  #lease: DemoEventOf<'leaseWritten'> | null = null;

  constructor(steps: readonly Step[]) {
    this.steps = steps.map((step) => ({ ...step, state: 'to come', beganMs: 0, outcome: '', tookMs: null }));
  }

  get pods(): readonly PodRow[] {
    return [...this.#pods.values()].toSorted((a, b) => a.name.localeCompare(b.name));
  }

  /** The last write to the Lease; null when there is no Lease. */
  get lease(): DemoEventOf<'leaseWritten'> | null {
    return this.#lease;
  }

  /** Applies the next event, and puts it into words. */
  apply(event: DemoEvent): Words | null {
    if ('step' in event) return this.#applyToStep(event);
    if (event.type === 'processStarted') return this.#start(event);
    if ('process' in event) {
      const row = this.pods.find(({ process }) => process === event.process);
      return row === undefined ? null : applyToPod(event, row);
    }
    switch (event.type) {
      case 'acted':
        return ['demo', event.text, 'busy'];
      case 'podGone':
        for (const row of this.pods) row.gone ||= row.uid === event.pod.uid;
        return ['cluster', `Pod ${event.pod.name} is gone (revision ${event.revision})`];
      case 'leaseGone':
        this.#lease = null;
        return ['cluster', `the Lease is gone (revision ${event.revision})`];
      case 'leaseWritten':
        return this.#write(event);
    }
  }

  #applyToStep(event: Extract<DemoEvent, { step: string }>): Words {
    const index = this.steps.findIndex(({ id }) => id === event.step);
    const step = this.steps[index];
    const who = `step ${index + 1}`;
    if (step === undefined) throw new Error(`There is no step ${event.step}.`);
    if (event.type === 'stepBegan') {
      Object.assign(step, { state: 'running', beganMs: event.atMs });
      return [who, `${step.title}: ${step.expected}`, 'strong'];
    }
    step.outcome = event.outcome;
    step.state = event.type === 'stepDone' ? 'done' : 'failed';
    if (event.type === 'stepFailed') {
      // The script ends with the first step that fails.
      for (const later of this.steps.slice(index + 1))
        Object.assign(later, { state: 'failed', outcome: 'was not run' });
      return [who, `failed: ${event.outcome}`, 'bad'];
    }
    step.tookMs = event.tookMs;
    return [who, `done: ${event.outcome} (${seconds(event.tookMs)})`, 'good'];
  }

  #start({ process, pid, pod }: DemoEventOf<'processStarted'>): Words {
    const idle = { gone: false, token: null, drainsSinceMs: null, sees: null, reportsStale: false } as const;
    const ticks = this.#pods.get(pod.uid)?.ticks ?? 0;
    this.#pods.set(pod.uid, { ...pod, ...idle, process, pid, state: 'starting', ticks });
    return [process, `starts as process ${pid}`, 'faint'];
  }

  #write(event: DemoEventOf<'leaseWritten'>): Words | null {
    const { holder, released, leaseUid } = event;
    const before = this.#lease;
    this.#lease = event;
    // A renewal is the end of a hang.
    for (const row of this.pods) row.reportsStale &&= row.sees !== holder;
    if (leaseUid !== before?.leaseUid) return ['cluster', `a new Lease, held by ${holder}`];
    return released && !before.released ? ['cluster', `${holder} released the Lease`] : null;
  }
}

function applyToPod(
  event: Exclude<Extract<DemoEvent, { process: string }>, { pid: number }>,
  row: PodRow,
): Words | null {
  const { process: who } = event;
  switch (event.type) {
    case 'signalled':
      if (event.signal === 'SIGSTOP') row.state = 'suspended';
      if (event.signal === 'SIGCONT') row.state = 'running';
      return ['demo', `${event.signal} to ${who}`, 'busy'];
    case 'processEnded':
      Object.assign(row, { state: 'ended', token: null, drainsSinceMs: null });
      return [who, `ended: ${event.how}`, 'faint'];
    case 'elected':
      Object.assign(row, { state: 'running', token: event.token });
      return [who, `${event.resumed ? 'resumes its term' : 'is elected'}, token ${event.token}`, 'good'];
    case 'demoted':
      Object.assign(row, { token: null, drainsSinceMs: event.atMs });
      return [who, `is demoted: ${event.reason}`, 'strong'];
    case 'jobTicked':
      row.ticks += 1;
      return null;
    case 'jobEnded': {
      const drain = `drained its job for ${seconds(event.atMs - (row.drainsSinceMs ?? event.atMs))} after its demotion`;
      row.drainsSinceMs = null;
      return row.gone ? [who, `${drain}: a ghost, but no second leader`, 'strong'] : [who, drain, 'faint'];
    }
    case 'leaderChanged':
      if (row.state === 'starting') row.state = 'running';
      Object.assign(row, { sees: event.leader, reportsStale: false });
      if (event.leader === null) return [who, 'sees no leader', 'faint'];
      // A leader that sees itself lead is no news.
      return row.name === event.leader ? null : [who, `sees ${event.leader} lead`, 'faint'];
    case 'stale':
      row.reportsStale = true;
      return [who, `reports ${event.leader} as stale`, 'busy'];
    case 'noted':
      return [who, event.text, 'faint'];
  }
}

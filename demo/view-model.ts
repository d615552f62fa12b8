/**
 * The view model: the state of Pods, Lease and steps at one moment, and each event in words.
 */

import type { DemoEvent, DemoEventOf } from './demo-event.ts';
import { STEPS } from './script.ts';

/** How a text looks on a terminal. */
export type Style = 'reset' | 'bold' | 'dim' | 'green' | 'red' | 'yellow';

/** A Pod and the latest run of its container. */
export interface PodRow extends Pick<DemoEventOf<'processStarted'>, 'pod' | 'process' | 'pid'> {
  /** Whether the Pod object is gone. */
  gone: boolean;
  state: 'starting' | 'running' | 'suspended' | 'ended';
  /** The token of its term while it leads. */
  token: bigint | null;
  /** When it was demoted, while it drains its job. */
  drainsSinceMs: number | null;
  /** The Pod that it sees lead. */
  sees: string | null;
  ticks: number;
}

/** An event in words. `who` is the step, the process, `cluster`, or `demo`. */
export type Words = readonly [who: string, text: string, style: Style];

/** The start or the end of a step. */
export type StepEvent = Extract<DemoEvent, { step: string }>;
type ProcessEvent = Exclude<Extract<DemoEvent, { process: string }>, { pid: number }>;

/** A duration as people read it. */
export function seconds(durationMs: number): string {
  return durationMs < 100 ? `${durationMs.toFixed(0)} ms` : `${(durationMs / 1000).toFixed(2)} s`;
}

/** The state after the events so far. */
export class ViewModel {
  /** The last event of each step. */
  readonly stepEvents: Map<string, StepEvent> = new Map();
  /** By the uid of the Pod, in the order of their names. */
  readonly pods: Map<string, PodRow> = new Map();
  /** The last write to the Lease; null when there is no Lease. */
  lease: DemoEventOf<'leaseWritten'> | null = null;

  /** Applies the next event. Returns it in words, or null for a repetition (a tick, a renewal). */
  apply(event: DemoEvent): Words | null {
    if ('step' in event) return this.#applyToStep(event);
    if ('process' in event && event.type !== 'processStarted') {
      const row = this.pods.get(event.pod.uid);
      return row?.process === event.process ? applyToPod(event, row) : null;
    }
    switch (event.type) {
      case 'noted':
        return ['demo', event.text, 'yellow'];
      case 'processStarted': {
        const { process, pid, pod } = event;
        const ticks = this.pods.get(pod.uid)?.ticks ?? 0;
        const idle = { gone: false, token: null, drainsSinceMs: null, sees: null };
        this.pods.set(pod.uid, { pod, process, pid, state: 'starting', ticks, ...idle });
        return [process, `starts as process ${pid}`, 'dim'];
      }
      case 'podGone':
        for (const row of this.pods.values()) row.gone ||= row.pod.uid === event.pod.uid;
        return ['cluster', `Pod ${event.pod.name} is gone (revision ${event.revision})`, 'reset'];
      case 'leaseDeleted':
        this.lease = null;
        return ['cluster', `the Lease is gone (revision ${event.revision})`, 'reset'];
      case 'leaseWritten': {
        const before = this.lease;
        const { leaseUid, holder, released } = event;
        this.lease = event;
        if (leaseUid !== before?.leaseUid) return ['cluster', `a new Lease, held by ${holder}`, 'reset'];
        return released && !before.released ? ['cluster', `${holder} released the Lease`, 'reset'] : null;
      }
      default:
        return null;
    }
  }

  #applyToStep(event: StepEvent): Words {
    const index = STEPS.findIndex(({ id }) => id === event.step);
    const who = `step ${index + 1}`;
    this.stepEvents.set(event.step, event);
    if (event.type === 'stepBegan') return [who, `${event.title}: ${STEPS[index]?.expected}`, 'bold'];
    if (event.tookMs !== null) return [who, `done: ${event.outcome} (${seconds(event.tookMs)})`, 'green'];
    // The script ends with the first step that fails.
    for (const { id } of STEPS.slice(index + 1)) this.stepEvents.set(id, { ...event, outcome: 'was not run' });
    return [who, `failed: ${event.outcome}`, 'red'];
  }
}

function applyToPod(event: ProcessEvent, row: PodRow): Words | null {
  const { process: who } = event;
  switch (event.type) {
    case 'signalled':
      if (event.signal === 'SIGSTOP') row.state = 'suspended';
      if (event.signal === 'SIGCONT') row.state = 'running';
      return ['demo', `${event.signal} to ${who}`, 'yellow'];
    case 'processEnded':
      Object.assign(row, { state: 'ended', token: null, drainsSinceMs: null });
      return [who, `ended: ${event.how}`, 'dim'];
    case 'elected':
      Object.assign(row, { state: 'running', token: event.token });
      return [who, `${event.resumed ? 'resumes its term' : 'is elected'}, token ${event.token}`, 'green'];
    case 'demoted':
      Object.assign(row, { token: null, drainsSinceMs: event.atMs });
      return [who, `is demoted: ${event.reason}`, 'bold'];
    case 'jobTicked':
      row.ticks += 1;
      return null;
    case 'workEnded': {
      const drain = `drained its job for ${seconds(event.atMs - (row.drainsSinceMs ?? event.atMs))} after its demotion`;
      row.drainsSinceMs = null;
      return row.gone ? [who, `${drain}: a ghost, but no second leader`, 'bold'] : [who, drain, 'dim'];
    }
    case 'leaderChanged':
      Object.assign(row, { sees: event.leader, state: row.state === 'starting' ? 'running' : row.state });
      if (event.leader === null) return [who, 'sees no leader', 'dim'];
      // A line for a leader that sees itself lead would add nothing.
      return row.pod.name === event.leader ? null : [who, `sees ${event.leader} lead`, 'dim'];
    case 'stale':
      return [who, `reports ${event.leader} as stale`, 'yellow'];
    case 'noted':
      return [who, event.text, 'dim'];
  }
}

/**
 * Runs `candidate.ts` as the process of a Pod's container: starts it, reads its reports, and sends it signals.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LeaseElectorOptions } from '../../src/index.ts';
import { until } from '../worlds/until.ts';
import { FAST, LEASE, PROCESS_ENVIRONMENT, type TestPod } from './cluster.ts';

const PROGRAM = fileURLToPath(new URL('./candidate.ts', import.meta.url));

/** A line of a candidate. */
export interface CandidateReport {
  readonly event:
    | 'started'
    | 'failed'
    | 'state'
    | 'work began'
    | 'work ended'
    | 'elected'
    | 'demoted'
    | 'leaderChanged'
    | 'renewed'
    | 'stale'
    | 'warning'
    | 'error'
    | 'stopped'
    | 'job ran'
    | 'handles'
    | 'unhandledRejection';
  readonly detail: string;
  readonly message?: string;
  readonly fencingToken?: string;
  readonly resumed?: boolean;
  /** The time of the report on the monotonic clock, which all processes of a machine share. */
  readonly atMs?: number;
  readonly isLeader?: boolean;
  readonly leader?: string | null;
  readonly unverifiedForMs?: number;
}

/** Starts a program, with pipes to write to it and to read from it. */
export type Launcher = (program: string, argument: string, env: Readonly<Record<string, string>>) => ChildProcess;

const run: Launcher = (program, argument, env) =>
  spawn(process.execPath, [program, argument], { env, stdio: ['pipe', 'pipe', 'inherit'] });

/** The container of a Pod. */
export class CandidateProcess {
  readonly pod: TestPod;
  readonly reports: CandidateReport[] = [];
  readonly #child: ChildProcess;
  /** The exit code, or the signal that ended it. */
  outcome: number | NodeJS.Signals | null = null;

  constructor(t: TestContext, pod: TestPod, options: LeaseElectorOptions = {}, launch: Launcher = run) {
    this.pod = pod;
    const given = { lease: LEASE, serviceAccountDirectory: pod.directory, ...FAST, ...options };
    this.#child = launch(PROGRAM, JSON.stringify(given), { ...PROCESS_ENVIRONMENT, ...pod.environment });
    this.#child.once('exit', (code, signal) => {
      this.outcome = signal ?? code;
    });
    this.#child.stdin?.on('error', () => undefined);
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.reports.push(JSON.parse(line)));
    }
    t.after(() => this.signal('SIGKILL'));
  }

  signal(signal: NodeJS.Signals): void {
    if (this.outcome === null) this.#child.kill(signal);
  }

  /** Sends a command. */
  send(command: 'stop' | 'release' | 'stepDown' | 'state' | 'schedule' | 'handles'): void {
    this.#child.stdin?.write(`${command}\n`);
  }

  /** The reports of that event. */
  all(event: CandidateReport['event'], detail?: string): readonly CandidateReport[] {
    return this.reports.filter(
      (report) => report.event === event && (detail === undefined || report.detail === detail),
    );
  }

  /** Waits for the `count`-th report of that event. */
  async report(event: CandidateReport['event'], detail?: string, count = 1): Promise<CandidateReport> {
    const what = `${this.pod.name} reports ${event} ${detail ?? ''} (${count})`;
    await until(what, () => this.all(event, detail).length >= count || this.outcome !== null);
    const report = this.all(event, detail)[count - 1];
    assert.ok(report, `${what}; it ended with ${this.outcome} after ${this.reports.map(({ event }) => event)}`);
    return report;
  }

  /** Waits for the end of the process. */
  async ended(): Promise<number | NodeJS.Signals> {
    await until(`${this.pod.name} ends`, () => this.outcome !== null);
    return this.outcome as number | NodeJS.Signals;
  }

  /** Kills the process, and waits for its end. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  /** Whether it leads, according to its reports. */
  get leads(): boolean {
    if (this.outcome !== null) return false;
    const last = this.reports.findLast(({ event }) => event === 'elected' || event === 'demoted');
    return last?.event === 'elected';
  }
}

/** The fencing token of a report `elected`. */
export function tokenOf(report: CandidateReport): bigint {
  assert.equal(report.event, 'elected');
  return BigInt(report.fencingToken ?? '0');
}

/**
 * Runs `elector.ts` on this machine as the container of a Pod.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/runtime/clock.ts';
import { type Leadership, leadsAt } from './leadership-overlap.ts';

/** A line of an elector. */
export interface Report {
  readonly event: 'started' | 'elected' | 'demoted' | 'warning' | 'error';
  readonly detail: string;
  readonly token?: string;
  readonly resumed?: boolean;
  /** The time of the report on the monotonic clock, which all processes of a machine share. */
  readonly atMs: number;
}

/** The environment variables that the processes inherit. With a compile cache, they start three times as fast. */
const MACHINE_ENVIRONMENT = Object.fromEntries(
  ['PATH', 'NODE_COMPILE_CACHE', 'DEBUG'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

/** One run of a container. */
export class ElectorProcess implements Leadership {
  readonly podName: string;
  readonly reports: Report[] = [];
  readonly #child: ChildProcess;
  /** The exit code, or the signal that ended it; null while it runs. */
  outcome: number | NodeJS.Signals | null = null;
  endedAtMs: number = Number.POSITIVE_INFINITY;
  /** Its Pod was force-deleted while it ran. It may lead beside its successor until it receives that event. */
  isGhost = false;

  /** @param environment the variables of the container */
  constructor(podName: string, environment: Readonly<Record<string, string>>) {
    this.podName = podName;
    this.#child = spawn(process.execPath, [path.join(import.meta.dirname, 'elector.ts')], {
      env: { ...MACHINE_ENVIRONMENT, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.once('exit', (code, signal) => {
      this.outcome = signal ?? code;
      this.endedAtMs = Math.min(this.endedAtMs, systemClock.nowMs());
    });
    this.#child.stdin?.on('error', () => undefined);
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.reports.push(JSON.parse(line)));
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.outcome !== null) return;
    // The process does nothing from here on, although its exit event arrives later.
    if (signal === 'SIGKILL') this.endedAtMs = systemClock.nowMs();
    this.#child.kill(signal);
  }

  /** Makes it call `stepDown()`. */
  stepDown(): void {
    this.#child.stdin?.write('stepDown\n');
  }

  all(event: Report['event']): readonly Report[] {
    return this.reports.filter((report) => report.event === event);
  }

  /** Its last report of that event. */
  last(event: Report['event']): Report | undefined {
    return this.reports.findLast((report) => report.event === event);
  }

  /** Whether it leads now, according to its reports. */
  get leads(): boolean {
    return this.outcome === null && leadsAt(this, systemClock.nowMs());
  }
}

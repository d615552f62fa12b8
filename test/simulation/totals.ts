/**
 * The totals of many seeds, and their text.
 */

import type { Fault } from './parameters.ts';
import type { SeedResult } from './workers.ts';

export class Totals {
  seeds = 0;
  simulatedMs = 0;
  events = 0;
  requests = 0;
  terms = 0;
  readonly faults: Partial<Record<Fault, number>> = {};
  readonly #faultsMs: number[] = [];
  readonly #returnMs: number[] = [];
  /** The seeds that failed, and the reasons. */
  readonly failures: { readonly seed: number; readonly failure: string }[] = [];

  add({ seed, failure, figures }: SeedResult): void {
    this.seeds += 1;
    if (failure !== null) this.failures.push({ seed, failure });
    if (figures === null) return;
    this.simulatedMs += figures.simulatedMs;
    this.events += figures.events;
    this.requests += figures.requests;
    this.terms += figures.terms;
    if (figures.gaps.faultsMs !== null) this.#faultsMs.push(figures.gaps.faultsMs);
    if (figures.gaps.returnMs !== null) this.#returnMs.push(figures.gaps.returnMs);
    for (const [fault, times] of Object.entries(figures.faults) as [Fault, number][]) {
      this.faults[fault] = (this.faults[fault] ?? 0) + times;
    }
  }

  /** The times without a leader, in milliseconds: after the faults, and after the return of the API server. */
  get gaps(): { readonly faults: Spread | null; readonly return: Spread | null } {
    return { faults: spreadOf(this.#faultsMs), return: spreadOf(this.#returnMs) };
  }

  /** The progress in a few words. */
  progress(wallMs: number): string {
    const failed = this.failures.length === 0 ? '' : `, ${this.failures.length} failed`;
    return `${count(this.seeds)} seeds (${this.#perSecond(wallMs)}/s), ${hours(this.simulatedMs)} simulated hours${failed}`;
  }

  table(wallMs: number): string {
    const rows = [
      ['seeds', count(this.seeds)],
      ['simulated hours', hours(this.simulatedMs)],
      ['events', count(this.events)],
      ['requests', count(this.requests)],
      ['terms', count(this.terms)],
      ['faults', count(Object.values(this.faults).reduce((sum, times) => sum + times, 0))],
      ['leader again', `${describe(this.gaps.faults)} after the end of the faults`],
      ['', `${describe(this.gaps.return)} after the return of the API server`],
      ['wall time', `${(wallMs / 1000).toFixed(1)} s (${this.#perSecond(wallMs)} seeds/s)`],
      ['failures', count(this.failures.length)],
    ] as const;
    return rows.map(([name, value]) => `${name.padEnd(18)}${value}`).join('\n');
  }

  /** Each failing seed, with the command that repeats it. */
  failureList(): string {
    const bySeed = this.failures.toSorted((left, right) => left.seed - right.seed);
    return bySeed.map(({ seed, failure }) => `seed ${seed}: ${failure}\n  npm run sim -- --seed ${seed}`).join('\n');
  }

  #perSecond(wallMs: number): string {
    return wallMs === 0 ? '0.0' : ((this.seeds / wallMs) * 1000).toFixed(1);
  }
}

/** The median, the 95th percentile, and the maximum. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

function spreadOf(samples: readonly number[]): Spread | null {
  const sorted = samples.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
  return sorted.length === 0 ? null : { p50: at(0.5), p95: at(0.95), max: at(1) };
}

function describe(spread: Spread | null): string {
  if (spread === null) return 'not measured';
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
  return `p50 ${seconds(spread.p50)}, p95 ${seconds(spread.p95)}, at most ${seconds(spread.max)}`;
}

/** Formats a number in the same way in every locale. */
function count(number: number): string {
  return String(number).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}

function hours(ms: number): string {
  return (ms / 3_600_000).toFixed(1);
}

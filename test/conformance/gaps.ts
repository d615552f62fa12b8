/**
 * The steps in which the server is known to differ from the real one, from gaps.json. Each has the reason, and the
 * status that the server answers instead (null if the step cannot be carried out).
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { StepResult } from './replayer.ts';

/** Steps that differ for one reason. */
export interface GapGroup {
  readonly reason: string;
  /** The status by step, by scenario. */
  readonly steps: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
}

/** The largest share of all steps that may be gaps. */
export const MAX_GAPS_SHARE = 0.08;

/** Reads the list. */
export function readGaps(): readonly GapGroup[] {
  return JSON.parse(readFileSync(path.join(import.meta.dirname, 'gaps.json'), 'utf8')) as readonly GapGroup[];
}

/** The status that is answered instead, by step of one scenario. */
export function gapsOf(gaps: readonly GapGroup[], scenario: string): ReadonlyMap<string, number | null> {
  return new Map(gaps.flatMap(({ steps }) => Object.entries(steps[scenario] ?? {})));
}

/** The problems of the results: unlisted differences, and listed gaps that no longer occur. */
export function problemsOf(
  results: readonly StepResult[],
  listed: ReadonlyMap<string, number | null>,
): readonly string[] {
  const problems: string[] = [];
  for (const { step, differences, status } of results) {
    const instead = listed.get(step);
    if (instead === undefined) {
      problems.push(...differences.map((difference) => `${step}: ${difference}`));
    } else if (differences.length === 0) {
      problems.push(`${step}: listed as a gap, but there is no difference: remove it from the list`);
    } else if ((status ?? null) !== instead) {
      problems.push(`${step}: listed as a gap with status ${instead}, but answered ${status ?? 'nothing'}`);
    }
  }
  const present = new Set(results.map(({ step }) => step));
  for (const step of listed.keys()) if (!present.has(step)) problems.push(`${step}: listed as a gap, but unknown`);
  return problems;
}

/**
 * The steps in which the server is known to answer otherwise than the real one, from gaps.json: each with the
 * reason, and with the status it answers instead (null where the step cannot even be carried out).
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { StepResult } from './replayer.ts';

/** Steps that differ for one reason. */
export interface GapGroup {
  readonly reason: string;
  /** Status by step, by scenario. */
  readonly steps: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
}

/** At most this part of all steps may be gaps. */
export const MAX_GAPS_SHARE = 0.08;

/** Reads the list. */
export function readGaps(): readonly GapGroup[] {
  return JSON.parse(readFileSync(path.join(import.meta.dirname, 'gaps.json'), 'utf8')) as readonly GapGroup[];
}

/** The status answered instead, by step, of one scenario. */
export function gapsOf(gaps: readonly GapGroup[], scenario: string): ReadonlyMap<string, number | null> {
  return new Map(gaps.flatMap(({ steps }) => Object.entries(steps[scenario] ?? {})));
}

/** What is wrong with the results: differences that are not listed, and gaps that are listed but not true. */
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
      problems.push(`${step}: listed as a gap, but there is no difference: take it off the list`);
    } else if ((status ?? null) !== instead) {
      problems.push(`${step}: listed as a gap with status ${instead}, but answered ${status ?? 'nothing'}`);
    }
  }
  const present = new Set(results.map(({ step }) => step));
  for (const step of listed.keys()) if (!present.has(step)) problems.push(`${step}: listed as a gap, but unknown`);
  return problems;
}

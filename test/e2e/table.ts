/**
 * The table that a run prints at its end.
 */

import { tableLines } from '../../src/command/table.ts';

/** One scenario of the table. */
export interface Row {
  readonly name: string;
  readonly expected: string;
  readonly observed: string;
  readonly seconds: string;
}

/** The table, in columns as wide as their contents. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ name, expected, observed, seconds }) => [name, expected, observed, seconds]);
  return tableLines(['scenario', 'expected', 'observed', 'time'], cells)
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * The table that a run prints at its end.
 */

/** One scenario of the table. */
export interface Row {
  readonly name: string;
  readonly expected: string;
  readonly observed: string;
  readonly seconds: string;
}

/** The table, in columns as wide as their contents. */
export function table(rows: readonly Row[]): string {
  const head: Row = { name: 'scenario', expected: 'expected', observed: 'observed', seconds: 'time' };
  const cells = [head, ...rows].map(({ name, expected, observed, seconds }) => [name, expected, observed, seconds]);
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

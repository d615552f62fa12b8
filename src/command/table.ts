/**
 * A table of text, as kubectl prints it: columns as wide as their longest cell, two spaces apart.
 */

import { printable } from '../explain/wording.ts';

const GAP = '  ';

/**
 * The lines of a table. Control characters become spaces, because a name in an object of the API can contain them, and
 * a terminal would execute them.
 *
 * @param width the length at which a line is cut, so that it does not wrap
 */
export function tableLines(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  width: number = Number.POSITIVE_INFINITY,
): readonly string[] {
  const all = [heads, ...rows].map((row) => row.map(printable));
  const widths = heads.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) => {
    const cells = row.map((cell, column) => (column === heads.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)));
    const line = cells.join(GAP).trimEnd();
    return cut(line, width);
  });
}

/** An age, as kubectl writes it: `12s`, `5m`, `3h`, `2d`. */
export function ageText(ms: number | null): string {
  if (ms === null) return '-';
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** The text in at most `width` columns. A text that is too long ends with an ellipsis. */
export function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
}

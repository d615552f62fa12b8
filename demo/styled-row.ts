/**
 * Text in columns and in styles. Nothing here knows the subject of the text.
 */

import { styleText } from 'node:util';

const FORMATS = {
  plain: [],
  strong: ['bold'],
  faint: ['dim'],
  good: ['green'],
  bad: ['red'],
  busy: ['yellow'],
} as const;

/** How a piece of text looks. */
export type Style = keyof typeof FORMATS;

/** A piece of text in a column of `width` characters. */
export type Cell = readonly [text: string, width: number, style?: Style, align?: 'right'];

/** A duration as people read it. */
export function seconds(durationMs: number): string {
  return durationMs < 100 ? `${durationMs.toFixed(0)} ms` : `${(durationMs / 1000).toFixed(2)} s`;
}

/** A text in a style; without escape sequences where standard output is no terminal. */
export function paint(text: string, style: Style): string {
  return styleText([...FORMATS[style]], text);
}

/** Cells side by side, together at most `width` characters wide. A text that is too long ends with an ellipsis. */
export function row(cells: readonly Cell[], width: number): string {
  let left = width;
  const texts = cells.map(([text, wanted, style = 'plain', align]) => {
    const room = Math.min(wanted, left);
    left -= room;
    const short = text.length <= room ? text : `${text.slice(0, room - 1)}…`.slice(0, room);
    return paint(align === 'right' ? short.padStart(room) : short.padEnd(room), style);
  });
  return texts.join('').trimEnd();
}

/**
 * Lines of text with colours, and how they fit a width. Nothing here knows what the text is about, nor writes it.
 */

/** What a piece of text is meant to look like. */
export type Tone = 'plain' | 'strong' | 'faint' | 'good' | 'bad' | 'busy';

/** A piece of text. */
export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** One line. */
export type Line = readonly Span[];

const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  strong: '\x1b[1m',
  faint: '\x1b[2m',
  good: '\x1b[32m',
  bad: '\x1b[31m',
  busy: '\x1b[33m',
};

const RESET = '\x1b[0m';

/** A piece of text in a tone. */
export function span(text: string, tone: Tone = 'plain'): Span {
  return { text, tone };
}

/** A piece of text of exactly `width` characters. */
export function cell(text: string, width: number, tone: Tone = 'plain', align: 'left' | 'right' = 'left'): Span {
  const short = shorten(text, width);
  return span(align === 'left' ? short.padEnd(width) : short.padStart(width), tone);
}

/** The line, no longer than `width`. */
export function fit(line: Line, width: number): Line {
  const fitted: Span[] = [];
  let left = width;
  for (const { text, tone } of line) {
    if (left <= 0) break;
    const short = shorten(text, left);
    fitted.push(span(short, tone));
    left -= short.length;
  }
  return fitted;
}

/** The line as a terminal wants it; without colours as plain text. */
export function paint(line: Line, colours: boolean): string {
  const painted = line.map(({ text, tone }) => (colours && tone !== 'plain' ? CODES[tone] + text + RESET : text));
  return colours ? painted.join('') : painted.join('').trimEnd();
}

/** Breaks a text between words into lines of at most `width` characters; a longer word is cut. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ').map((whole) => shorten(whole, width))) {
    const longer = current === '' ? word : `${current} ${word}`;
    if (longer.length <= width) {
      current = longer;
    } else {
      lines.push(current);
      current = word;
    }
  }
  return [...lines, current];
}

function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 1 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 1)}…`;
}

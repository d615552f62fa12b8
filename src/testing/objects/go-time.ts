/**
 * Times as Kubernetes writes them: Time (RFC 3339, whole seconds) and MicroTime (exactly six digits after
 * the point, fact 7). Reads them with the error messages of Go.
 */

/** A time could not be read; the message is that of Go. */
export class TimeSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TimeSyntaxError';
  }
}

/** Wall time in milliseconds as a Time: `2026-03-01T10:00:00Z`. */
export function formatTime(wallMs: number): string {
  return new Date(Math.floor(wallMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/** Milliseconds since 1970 of a Time that this server wrote. */
export function timeMs(time: string): number {
  return Date.parse(time);
}

const MICRO_TIME_LAYOUT = '2006-01-02T15:04:05.000000Z07:00';
const TIME_LAYOUT = '2006-01-02T15:04:05Z07:00';

interface Step {
  /** The piece of the layout that messages name. */
  readonly piece: string;
  readonly pattern: RegExp;
}

const DATE_STEPS: readonly Step[] = [
  { piece: '2006', pattern: /^\d{4}/ },
  { piece: '-', pattern: /^-/ },
  { piece: '01', pattern: /^\d{2}/ },
  { piece: '-', pattern: /^-/ },
  { piece: '02', pattern: /^\d{2}/ },
  { piece: 'T', pattern: /^T/ },
  { piece: '15', pattern: /^\d{2}/ },
  { piece: ':', pattern: /^:/ },
  { piece: '04', pattern: /^\d{2}/ },
  { piece: ':', pattern: /^:/ },
  { piece: '05', pattern: /^\d{2}/ },
];
const ZONE_STEP: Step = { piece: 'Z07:00', pattern: /^(?:Z|[+-]\d{2}:\d{2})/ };
const MICRO_STEPS: readonly Step[] = [...DATE_STEPS, { piece: '.000000', pattern: /^[.,]\d{6}/ }, ZONE_STEP];
// Fractions of a Time are accepted and dropped (fact 7).
const SECOND_STEPS: readonly Step[] = [...DATE_STEPS, { piece: '', pattern: /^(?:[.,]\d+)?/ }, ZONE_STEP];

/** Reads a MicroTime and returns it in UTC; null for the year 1, Go's zero time. Throws TimeSyntaxError. */
export function normalizeMicroTime(text: string): string | null {
  const { pieces, zone } = scan(text, MICRO_TIME_LAYOUT, MICRO_STEPS);
  const fraction = (pieces[11] ?? '').slice(1);
  const seconds = wallSeconds(text, pieces, zone);
  if (seconds === GO_ZERO_SECONDS && fraction === '000000') return null;
  return `${isoSeconds(seconds)}.${fraction}Z`;
}

/** Reads a Time and returns it in UTC, in whole seconds; null for Go's zero time. Throws TimeSyntaxError. */
export function normalizeTime(text: string): string | null {
  const { pieces, zone } = scan(text, TIME_LAYOUT, SECOND_STEPS);
  const seconds = wallSeconds(text, pieces, zone);
  return seconds === GO_ZERO_SECONDS ? null : `${isoSeconds(seconds)}Z`;
}

const GO_ZERO_SECONDS = -62_135_596_800;

function isoSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

function scan(text: string, layout: string, steps: readonly Step[]): { pieces: readonly string[]; zone: string } {
  const pieces: string[] = [];
  let rest = text;
  for (const { piece, pattern } of steps) {
    const match = pattern.exec(rest);
    if (match === null) {
      throw new TimeSyntaxError(
        `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: ` +
          `cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(piece)}`,
      );
    }
    pieces.push(match[0]);
    rest = rest.slice(match[0].length);
    checkRange(text, piece, match[0]);
  }
  if (rest !== '')
    throw new TimeSyntaxError(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  return { pieces, zone: pieces.at(-1) ?? 'Z' };
}

const RANGES: Readonly<Record<string, readonly [name: string, low: number, high: number]>> = {
  '01': ['month', 1, 12],
  '15': ['hour', 0, 23],
  '04': ['minute', 0, 59],
  '05': ['second', 0, 59],
};

function checkRange(text: string, piece: string, digits: string): void {
  const range = RANGES[piece];
  if (range === undefined) return;
  const [name, low, high] = range;
  const value = Number(digits);
  if (value < low || value > high) throw outOfRange(text, name);
}

function outOfRange(text: string, name: string): TimeSyntaxError {
  return new TimeSyntaxError(`parsing time ${JSON.stringify(text)}: ${name} out of range`);
}

function wallSeconds(text: string, pieces: readonly string[], zone: string): number {
  const number = (index: number): number => Number(pieces[index]);
  const [year, month, day] = [number(0), number(2), number(4)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCDate() !== day || day === 0) throw outOfRange(text, 'day');
  date.setUTCHours(number(6), number(8), number(10));
  const [hours = 0, minutes = 0] = zone === 'Z' ? [] : zone.slice(1).split(':').map(Number);
  const offset = (hours * 60 + minutes) * 60 * (zone.startsWith('-') ? -1 : 1);
  return date.getTime() / 1000 - offset;
}

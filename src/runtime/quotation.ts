/**
 * Formats text from outside for a message: quoted, on one line, and cut.
 */

import { inspect } from 'node:util';
import { isObject } from './object-kind.ts';

/** A message shows at most this many characters of a value from outside. A token or a key is always longer. */
const QUOTATION_LIMIT = 60;

/** The text in double quotes, with control characters escaped; a long text is cut. */
export function quote(text: string): string {
  return JSON.stringify(cut(text));
}

/** The text itself, or its beginning. */
export function cut(text: string): string {
  return text.length > QUOTATION_LIMIT ? `${text.slice(0, QUOTATION_LIMIT)}…` : text;
}

/** Describes a value that is not the expected value: a text, a number, or the keys of an object. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  try {
    if (isObject(value)) return `an object with the keys ${cut(JSON.stringify(Object.keys(value)))}`;
  } catch {
    return 'an object that cannot be read';
  }
  return typeof value === 'object' || typeof value === 'function' ? describeType(value) : cut(String(value));
}

/** The type of a value, without its content. */
export function describeType(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length} characters, which is not shown`;
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'another object' : `a ${typeof value}`;
}

/** A message shows at most this many characters of an error of the application. */
const ERROR_LIMIT = 300;

/** The text of `util.inspect`. If the value throws while it is inspected, only its message. */
export function inspected(value: unknown): string {
  try {
    return inspect(value);
  } catch {
    return wordsOf(value);
  }
}

/** The message of an error, on one line, and cut. Accepts any value, because any value can be thrown. Never throws. */
export function wordsOf(error: unknown): string {
  try {
    const text = String(error instanceof Error ? error.message || error.name : error);
    return text.replace(/\p{Cc}+/gu, ' ').slice(0, ERROR_LIMIT);
  } catch {
    return 'an error that cannot be shown';
  }
}

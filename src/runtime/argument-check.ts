/**
 * Checks the arguments of the test kit. An unknown option that is silently ignored would make a test pass for the wrong
 * reason.
 *
 * options.ts checks the options of an elector differently: it reads each option once, also an inherited option, and its
 * errors have a code. The kit spreads its options, and a mistake in a test needs no code.
 */

import { isObject, isObjectPrototype } from './object-kind.ts';
import { describe } from './quotation.ts';

/**
 * Refuses all values except an object whose keys are known.
 *
 * @throws {TypeError} with the unknown key and the known keys
 */
export function checkKeys(what: string, given: unknown, known: readonly string[]): void {
  if (!isObject(given)) throw new TypeError(`${what} takes an object, but was given ${describe(given)}`);
  // Inherited properties are lost when the options are spread.
  if (!isPlain(given)) throw new TypeError(`${what} takes a plain object, but was given an instance of a class`);
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new TypeError(`${what} knows no ${JSON.stringify(key)}; it knows ${known.join(', ') || 'no options'}`);
    }
  }
}

function isPlain(given: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(given);
  return prototype === null || isObjectPrototype(prototype);
}

/** Refuses a number outside of a range. @throws {RangeError} */
export function checkNumber(what: string, given: unknown, from: number, to: number): void {
  if (typeof given === 'number' && given >= from && given <= to) return;
  throw new RangeError(`${what} must be a number from ${from} to ${to}, but is ${describe(given)}`);
}

/** Refuses a value that is not a whole number, or is outside of a range. @throws {RangeError} */
export function checkWholeNumber(what: string, given: unknown, from: number, to: number): void {
  if (Number.isSafeInteger(given) && (given as number) >= from && (given as number) <= to) return;
  throw new RangeError(`${what} must be a whole number from ${from} to ${to}, but is ${describe(given)}`);
}

/** Refuses a value that is not one of these words. @throws {TypeError} */
export function checkWord(what: string, given: unknown, known: readonly string[]): void {
  if (typeof given === 'string' && known.includes(given)) return;
  throw new TypeError(`${what} knows no ${describe(given)}; it knows ${known.join(', ')}`);
}

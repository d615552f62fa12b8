/**
 * Reads an options object of any kind: own properties, inherited properties, getters and Proxies.
 *
 * Each property is read once, so the checked value is the used value. An object with any other property is rejected,
 * because that property would be ignored silently.
 */

import { isObjectPrototype } from './object-kind.ts';

/** The largest number of prototypes that are searched. A Proxy can return an endless chain. */
const PROTOTYPE_LIMIT = 16;

/** The result of reading. */
export type OptionReading =
  /** The properties that are set, as a plain object. */
  | { readonly kind: 'values'; readonly values: Readonly<Record<string, unknown>> }
  | { readonly kind: 'notObject' }
  /** It has an own property that is not an option. */
  | { readonly kind: 'unknown'; readonly name: string }
  /** It inherits a property that is not an option, as a Map or a URL does. */
  | { readonly kind: 'inherited'; readonly name: string }
  /** A getter or a Proxy threw. `name` is the property that was read; `null`: no property could be read. */
  | { readonly kind: 'unreadable'; readonly name: string | null; readonly cause: unknown };

/** Reads the properties that `known` names. */
export function readOptionObject(given: unknown, known: readonly string[]): OptionReading {
  if (typeof given !== 'object' || given === null) return { kind: 'notObject' };
  let reached: string | null = null;
  try {
    if (Array.isArray(given)) return { kind: 'notObject' };
    const found = namesIn(given, known);
    if ('kind' in found) return found;
    const values: Record<string, unknown> = {};
    for (const name of found) {
      reached = name;
      values[name] = Reflect.get(given, name);
    }
    return { kind: 'values', values };
  } catch (cause) {
    return { kind: 'unreadable', name: reached, cause };
  }
}

/** The names of its options, own properties first. */
function namesIn(given: object, known: readonly string[]): ReadonlySet<string> | OptionReading {
  const found = new Set<string>();
  let holder: object | null = given;
  for (let depth = 0; holder !== null && !isObjectPrototype(holder); depth += 1) {
    for (const name of Object.getOwnPropertyNames(holder)) {
      if (known.includes(name)) found.add(name);
      else if (depth === 0) return { kind: 'unknown', name };
      else if (name !== 'constructor') return { kind: 'inherited', name };
    }
    if (depth === PROTOTYPE_LIMIT) return { kind: 'inherited', name: '__proto__' };
    holder = Object.getPrototypeOf(holder);
  }
  return found;
}

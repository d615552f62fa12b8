/**
 * The placeholders of the recordings, such as `<uid:1>`: the values that each can have, and its bound value. A
 * placeholder is bound at its first use and must have the same value afterwards.
 */

import type { JsonObject } from '../../src/testing/objects/api-object.ts';

const PLACEHOLDER =
  /<(ns|uid|rv|lrv|time:rfc3339|time:microtime|unixtime|gen|jwt|continue|username|kid|age|any)(?::([A-Za-z0-9_-]+))?(?:~([+-]?\d+))?>/g;

const PATTERNS: Readonly<Record<string, string>> = {
  ns: '[a-z0-9-]+',
  uid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  rv: '\\d+',
  lrv: '\\d+',
  'time:rfc3339': '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ',
  'time:microtime': '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z',
  unixtime: '\\d+',
  gen: '[a-z0-9]{5}',
  jwt: '[\\w-]+\\.[\\w-]+\\.[\\w-]+',
  continue: '[A-Za-z0-9_=+/-]+',
  username: '[^\\s"]+',
  kid: '[\\w-]+',
  age: '(?:\\d+[smhdy])+|<unknown>|<invalid>',
  any: '[\\s\\S]*',
};

/** Kinds whose values the server generates: two placeholders never have the same value. */
const UNIQUE_KINDS: readonly string[] = ['uid', 'gen', 'jwt'];

/** The largest difference between a time and its expected value, in seconds. */
const TIME_TOLERANCE_SECONDS = 4;

interface Hole {
  readonly text: string;
  readonly kind: string;
  readonly id: string | undefined;
  readonly offsetSeconds: number | undefined;
}

/** The bound values of the placeholders of a scenario. */
export class Bindings {
  #values = new Map<string, string>();

  /** The value of `rv:1`, if it was seen already. */
  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: string): void {
    this.#values.set(key, value);
  }

  copy(): Bindings {
    const copy = new Bindings();
    copy.#values = new Map(this.#values);
    return copy;
  }

  /** Replaces all bindings by those of `other`. */
  assign(other: Bindings): void {
    this.#values = new Map(other.#values);
  }

  /** A JSON value to be sent, with the values in place of the placeholders. Throws when one is not bound. */
  fill(value: unknown): unknown {
    if (typeof value === 'string') return this.fillText(value);
    if (Array.isArray(value)) return value.map((item) => this.fill(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value as JsonObject);
    return Object.fromEntries(entries.map(([key, entry]) => [this.fillText(key), this.fill(entry)]));
  }

  /** The same for a text. */
  fillText(text: string): string {
    return text.replace(PLACEHOLDER, (all, kind: string, id: string | undefined) => {
      if (id === undefined) return all;
      const value = this.get(`${kind}:${id}`);
      if (value === undefined) throw new Error(`${all} is not bound (an earlier step differed)`);
      return value;
    });
  }

  /**
   * Compares a text, and binds the placeholders that are not bound yet. Returns the difference, if there is one.
   *
   * @param nowMs the moment of the answer, in milliseconds since 1970
   */
  match(expected: string, actual: string, nowMs: number): string | undefined {
    const { pattern, holes } = this.#pattern(expected);
    const found = pattern.exec(actual);
    if (found === null) return `expected ${JSON.stringify(this.#show(expected))}, got ${JSON.stringify(actual)}`;
    for (const [index, hole] of holes.entries()) {
      const difference = this.#bind(hole, found[index + 1] ?? '', nowMs);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }

  #pattern(expected: string): { readonly pattern: RegExp; readonly holes: readonly Hole[] } {
    const holes: Hole[] = [];
    let source = '';
    let end = 0;
    for (const match of expected.matchAll(PLACEHOLDER)) {
      const [text, kind = '', id, offset] = match;
      source += escapePattern(expected.slice(end, match.index));
      end = match.index + text.length;
      const bound = id === undefined ? undefined : this.get(`${kind}:${id}`);
      source += bound === undefined ? `(${PATTERNS[kind]})` : escapePattern(bound);
      if (bound === undefined)
        holes.push({ text, kind, id, offsetSeconds: offset === undefined ? undefined : Number(offset) });
    }
    return { pattern: new RegExp(`^${source}${escapePattern(expected.slice(end))}$`), holes };
  }

  #bind({ text, kind, id, offsetSeconds }: Hole, value: string, nowMs: number): string | undefined {
    if (offsetSeconds !== undefined) {
      const atMs = kind === 'unixtime' ? Number(value) * 1000 : Date.parse(value);
      const away = (atMs - nowMs) / 1000 - offsetSeconds;
      if (Math.abs(away) > TIME_TOLERANCE_SECONDS) {
        return `${text}: ${value} is ${away.toFixed(1)} s away from the expected moment`;
      }
    }
    if (id === undefined) return undefined;
    const key = `${kind}:${id}`;
    const present = this.get(key);
    // The same placeholder twice in one text.
    if (present !== undefined) return present === value ? undefined : `${text}: ${value} and ${present} differ`;
    if (UNIQUE_KINDS.includes(kind)) {
      for (const [other, known] of this.#values) {
        if (other.startsWith(`${kind}:`) && known === value) {
          return `${text}: ${value} should be new, but is the value of <${other}>`;
        }
      }
    }
    this.set(key, value);
    return undefined;
  }

  #show(text: string): string {
    return text.replace(PLACEHOLDER, (all, kind: string, id: string | undefined) =>
      id === undefined ? all : (this.get(`${kind}:${id}`) ?? all),
    );
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

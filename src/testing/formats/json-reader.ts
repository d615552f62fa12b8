/**
 * Reads JSON as Go's decoder does: with its error messages, and with facts that JSON.parse drops: repeated
 * fields, and numbers as they were written. It has no knowledge of Kubernetes.
 */

import type { JsonObject } from '../objects/api-object.ts';

/** A parsed text. */
export interface JsonDocument {
  readonly value: unknown;
  /** Paths of fields that were given more than once, such as `spec.holderIdentity`. */
  readonly duplicateFields: readonly string[];
  /** Numbers whose text differs from the one that JavaScript would write (`15.0`), by path. */
  readonly numberTexts: ReadonlyMap<string, string>;
}

/** The text is not JSON; the message is that of Go. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonSyntaxError';
  }
}

/** The nesting depth of objects and lists. Go's own limit of 10,000 is more than the stack can hold. */
export const MAX_DEPTH = 1000;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// A whole string literal; JSON.parse undoes its escapes.
const STRING = /"(?:[^"\\]+|\\.)*"/y;

/** Reads a whole JSON text. Throws JsonSyntaxError. */
export function readJson(text: string): JsonDocument {
  const reader = new JsonReader(text);
  const value = reader.document();
  return { value, duplicateFields: reader.duplicateFields, numberTexts: reader.numberTexts };
}

class JsonReader {
  readonly duplicateFields: string[] = [];
  readonly numberTexts = new Map<string, string>();
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value('', 0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#unexpected('after top-level value');
    return value;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at += 1;
    }
  }

  #unexpected(where: string): never {
    const character = this.#text[this.#at];
    if (character === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    const shown = character === "'" ? `'\\''` : `'${character === '"' ? '"' : JSON.stringify(character).slice(1, -1)}'`;
    throw new JsonSyntaxError(`invalid character ${shown} ${where}`);
  }

  #value(path: string, depth: number): unknown {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth');
    this.#skipSpace();
    const character = this.#text[this.#at];
    if (character === '{') return this.#object(path, depth);
    if (character === '[') return this.#list(path, depth);
    if (character === '"') return this.#string();
    if (character === 't') return this.#literal('true', true);
    if (character === 'f') return this.#literal('false', false);
    if (character === 'n') return this.#literal('null', null);
    return this.#number(path);
  }

  #literal<T>(word: string, value: T): T {
    for (const expected of word) {
      if (this.#text[this.#at] !== expected) this.#unexpected(`in literal ${word} (expecting '${expected}')`);
      this.#at += 1;
    }
    return value;
  }

  #number(path: string): number {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null)
      this.#unexpected(this.#text[this.#at] === '-' ? 'in numeric literal' : 'looking for beginning of value');
    this.#at += match[0].length;
    const value = Number(match[0]);
    if (String(value) !== match[0]) this.numberTexts.set(path, match[0]);
    return value;
  }

  #string(): string {
    STRING.lastIndex = this.#at;
    const match = STRING.exec(this.#text);
    if (match === null) this.#brokenString();
    let value: string;
    try {
      value = JSON.parse(match[0]) as string;
    } catch {
      this.#brokenString();
    }
    this.#at += match[0].length;
    return value;
  }

  #brokenString(): never {
    let at = this.#at + 1;
    while (at < this.#text.length && this.#text.charCodeAt(at) >= 32) at += this.#text[at] === '\\' ? 2 : 1;
    this.#at = at;
    this.#unexpected('in string literal');
  }

  #object(path: string, depth: number): JsonObject {
    const object: JsonObject = {};
    this.#at += 1;
    this.#skipSpace();
    if (this.#text[this.#at] === '}') {
      this.#at += 1;
      return object;
    }
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') this.#unexpected('looking for beginning of object key string');
      const key = this.#string();
      const keyPath = path === '' ? key : `${path}.${key}`;
      this.#skipSpace();
      if (this.#text[this.#at] !== ':') this.#unexpected('after object key');
      this.#at += 1;
      const value = this.#value(keyPath, depth + 1);
      if (Object.hasOwn(object, key)) this.duplicateFields.push(keyPath);
      // A key named __proto__ must become an ordinary field.
      if (key === '__proto__')
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== '}') this.#unexpected('after object key:value pair');
      this.#at += 1;
      if (next === '}') return object;
    }
  }

  #list(path: string, depth: number): unknown[] {
    const list: unknown[] = [];
    this.#at += 1;
    this.#skipSpace();
    if (this.#text[this.#at] === ']') {
      this.#at += 1;
      return list;
    }
    for (;;) {
      list.push(this.#value(`${path}[${list.length}]`, depth + 1));
      this.#skipSpace();
      const next = this.#text[this.#at];
      if (next !== ',' && next !== ']') this.#unexpected('after array element');
      this.#at += 1;
      if (next === ']') return list;
    }
  }
}

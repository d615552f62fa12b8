/**
 * Compares an answer with the recorded answer: heads, bodies and the order of resourceVersions. The result is a list
 * with a description of each difference.
 */

import { isJsonObject, type JsonObject } from '../../src/testing/objects/api-object.ts';
import type { Bindings } from './placeholders.ts';
import type { RecordedResponse } from './recording.ts';
import type { Answer } from './target.ts';

/** The compared headers. A header without a recorded value must be absent. */
export const COMPARED_HEADERS: readonly string[] = [
  'content-type',
  'warning',
  'retry-after',
  'allow',
  'location',
  'www-authenticate',
];

/** The maximum length of a value in the description of a difference. */
const SHOWN_LENGTH = 200;

/** A value, short enough for a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

/** Compares JSON values with their placeholders. */
export class Comparison {
  readonly differences: string[] = [];
  readonly #bindings: Bindings;
  readonly #nowMs: number;

  /** @param nowMs the moment of the answer, in milliseconds since 1970 */
  constructor(bindings: Bindings, nowMs: number) {
    this.#bindings = bindings;
    this.#nowMs = nowMs;
  }

  json(expected: unknown, actual: unknown, at: string): void {
    if (typeof expected === 'string') this.#text(expected, actual, at);
    else if (Array.isArray(expected)) this.#list(expected, actual, at);
    else if (isJsonObject(expected)) this.#object(expected, actual, at);
    else if (expected !== actual) this.#differ(at, `expected ${shown(expected)}, got ${shown(actual)}`);
  }

  text(expected: string, actual: string, at: string): void {
    const difference = this.#bindings.match(expected, actual, this.#nowMs);
    if (difference !== undefined) this.#differ(at, difference);
  }

  #differ(at: string, what: string): void {
    this.differences.push(`${at}: ${what}`);
  }

  #text(expected: string, actual: unknown, at: string): void {
    const number = typeof actual === 'number' && /^<unixtime:[^>]*>$/.test(expected);
    if (typeof actual === 'string' || number) this.text(expected, String(actual), at);
    else this.#differ(at, `expected ${JSON.stringify(expected)}, got ${shown(actual)}`);
  }

  #list(expected: readonly unknown[], actual: unknown, at: string): void {
    if (!Array.isArray(actual)) {
      this.#differ(at, `expected a list, got ${shown(actual)}`);
      return;
    }
    if (expected.length !== actual.length) {
      this.#differ(at, `expected ${expected.length} elements, got ${actual.length}: ${shown(actual)}`);
    }
    const common = Math.min(expected.length, actual.length);
    for (let index = 0; index < common; index += 1) this.json(expected[index], actual[index], `${at}[${index}]`);
  }

  #object(expected: JsonObject, actual: unknown, at: string): void {
    if ('$omitted' in expected) {
      if (actual === undefined) this.#differ(at, 'missing');
      return;
    }
    if (Array.isArray(expected['$contains'])) {
      this.#contains(expected['$contains'], actual, at);
      return;
    }
    if (!isJsonObject(actual)) {
      this.#differ(at, `expected an object, got ${shown(actual)}`);
      return;
    }
    for (const [key, value] of Object.entries(expected)) {
      if (Object.hasOwn(actual, key)) this.json(value, actual[key], `${at}.${key}`);
      else if (!isOptional(value)) this.#differ(`${at}.${key}`, `missing, expected ${shown(value)}`);
    }
    for (const [key, value] of Object.entries(actual)) {
      // Only managedFields, the last writer of each field, are never compared.
      if (!Object.hasOwn(expected, key) && key !== 'managedFields') {
        this.#differ(`${at}.${key}`, `unexpected ${shown(value)}`);
      }
    }
  }

  #contains(rows: readonly unknown[], actual: unknown, at: string): void {
    if (!Array.isArray(actual)) {
      this.#differ(at, `expected a list, got ${shown(actual)}`);
      return;
    }
    for (const row of rows) {
      const found = actual.some((candidate) => this.#isSame(row, candidate));
      if (!found) this.#differ(at, `no row ${shown(row)}`);
    }
  }

  /** Binds placeholders only when everything is equal. */
  #isSame(expected: unknown, actual: unknown): boolean {
    const trial = this.#bindings.copy();
    const comparison = new Comparison(trial, this.#nowMs);
    comparison.json(expected, actual, '');
    if (comparison.differences.length > 0) return false;
    this.#bindings.assign(trial);
    return true;
  }
}

function isOptional(expected: unknown): boolean {
  return isJsonObject(expected) && '$omitted' in expected && expected['optional'] === true;
}

/** Status, headers and connection of an answer. */
export function compareHead(
  expected: RecordedResponse,
  actual: Answer,
  bindings: Bindings,
  nowMs: number,
): readonly string[] {
  const comparison = new Comparison(bindings, nowMs);
  const { differences } = comparison;
  if (expected.status !== actual.status) {
    differences.push(`status: expected ${expected.status}, got ${actual.status} ${shown(actual.text)}`);
  }
  for (const name of COMPARED_HEADERS) {
    const wanted = expected.headers?.[name] ?? undefined;
    const given = actual.headers[name];
    if (wanted === undefined && given === undefined) continue;
    if (wanted === undefined) differences.push(`header ${name}: unexpected ${JSON.stringify(given)}`);
    else if (given === undefined) differences.push(`header ${name}: missing, expected ${JSON.stringify(wanted)}`);
    else if (plain(wanted) !== plain(given)) comparison.text(wanted, given, `header ${name}`);
  }
  for (const field of ['httpVersion', 'reusedConnection'] as const) {
    const wanted = expected[field];
    if (wanted !== undefined && wanted !== actual[field]) {
      differences.push(`${field}: expected ${wanted}, got ${actual[field]}`);
    }
  }
  const chunked = expected.headers?.['transfer-encoding'] !== undefined;
  if (chunked && actual.headers['transfer-encoding'] !== 'chunked') {
    differences.push('header transfer-encoding: expected chunked');
  }
  return differences;
}

/** Case and spaces do not matter in a header such as content-type. */
function plain(header: string): string {
  return header.replace(/\s*;\s*/g, ';').toLowerCase();
}

/** The body of an answer. */
export function compareBody(
  expected: RecordedResponse,
  text: string,
  bindings: Bindings,
  nowMs: number,
): readonly string[] {
  const comparison = new Comparison(bindings, nowMs);
  if (expected.noBody === true) return text === '' ? [] : [`body: expected none, got ${shown(text)}`];
  if (expected.bodyText !== undefined) comparison.text(expected.bodyText, text, 'body');
  else if (expected.body !== undefined && !(isJsonObject(expected.body) && '$omitted' in expected.body)) {
    let actual: unknown;
    try {
      actual = JSON.parse(text);
    } catch {
      return [`body: not JSON: ${shown(text)}`];
    }
    comparison.json(expected.body, actual, 'body');
  }
  return comparison.differences;
}

/** The relations between resourceVersions that do not hold. Each is checked once, when both versions are bound. */
export function compareOrder(order: readonly string[], bindings: Bindings, checked: Set<string>): readonly string[] {
  const differences: string[] = [];
  for (const relation of order) {
    const [left = '', operator, right = ''] = relation.split(' ');
    const [lesser, greater] = [bindings.get(left), bindings.get(right)];
    if (checked.has(relation) || lesser === undefined || greater === undefined) continue;
    checked.add(relation);
    const [a, b] = [BigInt(lesser), BigInt(greater)];
    const holds = operator === '<' ? a < b : operator === '<=' ? a <= b : a === b;
    if (!holds) differences.push(`order: ${relation} does not hold (${lesser}, ${greater})`);
  }
  return differences;
}

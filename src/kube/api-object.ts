/**
 * Reads the part that every object of the API has: compares it with the requested object, and normalizes it.
 *
 * A server writes null, or nothing, for an empty value, and a proxy can mix answers up. So the rest of this
 * library reads the metadata of an answer only after it has passed through here.
 */

import { isObject } from '../runtime/object-kind.ts';
import { quote } from '../runtime/quotation.ts';

/** The object that was requested. */
export interface ExpectedObject {
  readonly apiVersion: string;
  readonly kind: 'Lease' | 'Pod' | 'Node';
  /** `''` for a Node, which is in none. */
  readonly namespace: string;
  readonly name: string;
}

/** The place of an object: the items of a list carry no kind; an answer and the object of an event do. */
export type Position = 'item' | 'whole';

/** The result of reading. `problem` continues a sentence that begins with "it". */
export type Reading<Item> =
  | { readonly ok: true; readonly value: Item }
  | {
      readonly ok: false;
      readonly problem: string;
      /** It is an object of another name. A server that does not know field selectors puts such objects into a list or a watch. */
      readonly isAnother: boolean;
    };

type Unusable = Reading<never> & { readonly ok: false };

/** Metadata in which nothing is null, and every map and list has its type. */
export interface NormalMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  /** All other fields, unchanged. */
  readonly rest: Readonly<Record<string, unknown>>;
}

/** An object that proved to be the requested one. */
export interface ApiObject {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly metadata: NormalMetadata;
  /** Whether it has a `deletionTimestamp`. */
  readonly terminating: boolean;
  readonly spec: Readonly<Record<string, unknown>>;
  /** `null` when nothing was reported. */
  readonly status: Readonly<Record<string, unknown>> | null;
}

/**
 * A uid is a UUID in a real cluster, and opaque by contract (Kubernetes, "Object Names and IDs"): printable characters
 * without white space, no longer than a name.
 */
export const UID: RegExp = /^[\x21-\x7e]{1,253}$/;

/** A resourceVersion that is not a decimal number cannot be compared, and cannot be a fencing token. */
const RESOURCE_VERSION = /^[1-9]\d*$/;

/** Advice for an answer that is about another object. */
const MIXED_UP = '. Check the proxies between this process and the API server: one may mix answers up';

/** Reads an object, if it is the requested one. */
export function readObject(value: unknown, expected: ExpectedObject, position: Position): Reading<ApiObject> {
  if (!isObject(value)) return unusable('is not an object');
  for (const field of ['kind', 'apiVersion'] as const) {
    const isOmitted = position === 'item' && value[field] == null;
    if (value[field] !== expected[field] && !isOmitted) return differs(field, value[field], expected[field]);
  }
  const { metadata } = value;
  if (!isObject(metadata)) return unusable('has no metadata');
  const { name, namespace, uid, resourceVersion } = metadata;
  if ((namespace ?? '') !== expected.namespace) return differs('namespace', namespace, expected.namespace);
  if (name !== expected.name) {
    return { ...differs('name', name, expected.name), isAnother: typeof name === 'string' && name !== '' };
  }
  if (typeof uid !== 'string' || !UID.test(uid)) return unusable(`has no uid, but ${describe(uid)}`);
  if (typeof resourceVersion !== 'string' || !RESOURCE_VERSION.test(resourceVersion)) {
    return unusable(`has no resourceVersion that is a decimal number, but ${describe(resourceVersion)}`);
  }
  return {
    ok: true,
    value: {
      name: expected.name,
      uid,
      resourceVersion,
      metadata: normalMetadata(metadata),
      // A deletionTimestamp that cannot be parsed does not prove that the object is not being deleted.
      terminating: metadata['deletionTimestamp'] != null,
      spec: objectOr(value['spec']),
      status: isObject(value['status']) ? value['status'] : null,
    },
  };
}

/** Metadata without null: of an object that was read, or of one that is written again. */
export function normalMetadata(metadata: unknown): NormalMetadata {
  const { labels, annotations, finalizers, ...rest } = objectOr(metadata);
  return {
    labels: stringsOf(labels),
    annotations: stringsOf(annotations),
    finalizers: Array.isArray(finalizers) ? finalizers.filter((entry) => typeof entry === 'string') : [],
    rest,
  };
}

/** The value itself if it is an object, else an empty object. */
export function objectOr(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** A sentence about an unusable object, beginning with its place. */
export function explainProblem(where: string, what: string): string {
  return `${where} cannot be used: it ${what}`;
}

function stringsOf(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(objectOr(value)).filter(([, entry]) => typeof entry === 'string');
  return Object.fromEntries(entries) as Record<string, string>;
}

function differs(field: string, given: unknown, expected: string): Unusable {
  return unusable(`has the ${field} ${describe(given)}, not ${quote(expected)}${MIXED_UP}`);
}

function unusable(problem: string): Unusable {
  return { ok: false, problem, isAnother: false };
}

/** Continues a sentence that begins with "it has". The message names a part of an answer that is not a text by its type. */
function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return value === undefined || value === null ? 'none' : `a value of type ${typeof value}`;
}

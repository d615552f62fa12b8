/**
 * What every object of the API has: compared with what was asked for, and normalized, in one place.
 *
 * A server writes null, or nothing, for what is empty, and a proxy may mix answers up. So nothing else in this
 * library looks at the metadata of an answer before it came through here.
 */

import { quote } from '../runtime/quotation.ts';
import { isObject } from './api-error.ts';

/** The one object that was asked for. */
export interface ExpectedObject {
  readonly apiVersion: string;
  readonly kind: 'Lease' | 'Pod' | 'Node';
  /** `''` for a Node, which is in none. */
  readonly namespace: string;
  readonly name: string;
}

/** Where an object stands: the items of a list carry no kind of their own; an answer and the object of an event do. */
export type Position = 'item' | 'whole';

/** What was read. A problem goes on after "it". */
export type Reading<Item> =
  | { readonly ok: true; readonly value: Item }
  | {
      readonly ok: false;
      readonly problem: string;
      /** It is an object of another name, as a list or a watch gives it where the server knows no field selector. */
      readonly isAnother: boolean;
    };

type Unusable = Reading<never> & { readonly ok: false };

/** Metadata in which nothing is null, and every map and list is what it should be. */
export interface NormalMetadata {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly finalizers: readonly string[];
  /** Everything else, as it came. */
  readonly rest: Readonly<Record<string, unknown>>;
}

/** An object that is the one that was asked for. */
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
 * without white space, at most as many as a name has.
 */
export const UID: RegExp = /^[\x21-\x7e]{1,253}$/;

/** A resourceVersion that is no decimal number could be neither compared nor be a fencing token. */
const RESOURCE_VERSION = /^[1-9]\d*$/;

/** What to look for when an answer is about something else. */
const MIXED_UP = '. Check the proxies between this process and the API server: one may mix answers up';

/** Reads an object, if it is the one that was asked for. */
export function readObject(value: unknown, expected: ExpectedObject, position: Position): Reading<ApiObject> {
  if (!isObject(value)) return unusable('is no object');
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
      // A value that cannot be understood is no proof that it is not being deleted.
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

/** An object as it is, and an empty one for anything else. */
export function objectOr(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** A sentence about what was read, beginning with where it stood. */
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

function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return value === undefined || value === null ? 'none' : `a value of type ${typeof value}`;
}

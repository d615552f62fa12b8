/**
 * Reads the part that every object of the API has. Compares it with the requested object, and normalizes it.
 *
 * A server writes null, or nothing, for an empty value, and a proxy can mix up answers. The other files use an object
 * only in the form that this file returns. Only `pod-list.ts` reads its metadata itself.
 */

import { isObject } from '../runtime/object-kind.ts';
import { quote } from '../runtime/quotation.ts';

/** The object that was requested. */
export interface ExpectedObject {
  readonly apiVersion: string;
  readonly kind: 'Lease' | 'Pod' | 'Node';
  /** The namespace; `''` for a Node, which has no namespace. */
  readonly namespace: string;
  readonly name: string;
}

/** The place of an object. The items of a list have no kind. An answer and the object of an event have a kind. */
export type Position = 'item' | 'whole';

/** The result of reading. `problem` is the rest of a sentence that begins with "it". */
export type Reading<Item> =
  | { readonly ok: true; readonly value: Item }
  | {
      readonly ok: false;
      readonly problem: string;
      /**
       * Whether the object has another name. A server without field selectors returns such objects in a list or a
       * watch.
       */
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

/** An object that is the requested object. */
export interface ApiObject {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly metadata: NormalMetadata;
  /** Whether it has a `deletionTimestamp`. */
  readonly terminating: boolean;
  readonly spec: Readonly<Record<string, unknown>>;
  /** The status; `null` when nothing was reported. */
  readonly status: Readonly<Record<string, unknown>> | null;
}

/**
 * The form of a uid: printable characters without white space, no longer than a name. It is a UUID in a real cluster,
 * and opaque by contract (Kubernetes, "Object Names and IDs").
 */
export const UID: RegExp = /^[\x21-\x7e]{1,253}$/;

/** The form of a resourceVersion. Only a decimal number can be compared and used as a fencing token. */
const RESOURCE_VERSION = /^[1-9]\d*$/;

/** The advice for an answer about another object. */
const MIXED_UP = '. Check the proxies between this process and the API server: one of them may mix up answers';

/** Reads an object, if it is the requested object. */
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
  if (typeof uid !== 'string' || !UID.test(uid)) return unusable(`has no usable uid (${describe(uid)})`);
  if (typeof resourceVersion !== 'string' || !RESOURCE_VERSION.test(resourceVersion)) {
    return unusable(`has no resourceVersion that is a decimal number (${describe(resourceVersion)})`);
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

/** Returns metadata without null values, of an object that was read or that is written again. */
export function normalMetadata(metadata: unknown): NormalMetadata {
  const { labels, annotations, finalizers, ...rest } = objectOr(metadata);
  return {
    labels: stringsOf(labels),
    annotations: stringsOf(annotations),
    finalizers: Array.isArray(finalizers) ? finalizers.filter((entry) => typeof entry === 'string') : [],
    rest,
  };
}

/** The value itself if it is an object; otherwise an empty object. */
export function objectOr(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** A sentence about an unusable object. @param where the place of the object */
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

/** The rest of a sentence that begins with "it has". A value that is not a string is described by its type. */
function describe(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return value === undefined || value === null ? 'none' : `a value of type ${typeof value}`;
}

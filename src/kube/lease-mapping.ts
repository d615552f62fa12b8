/**
 * V1Lease ↔ LeaseRecord, including MicroTime.
 *
 * The core decides what the fields mean. This file decides that a replacement keeps the fields that others wrote.
 */

import type { V1Lease, V1LeaseSpec, V1ObjectMeta, V1OwnerReference } from '@kubernetes/client-node';
import type { LeaseContent, LeaseRecord, NamedSuccessor, PodReference } from '../core/lease-record.ts';
import { LISTED_PODS } from '../core/successor.ts';
import { isObject } from '../runtime/object-kind.ts';
import {
  type ExpectedObject,
  normalMetadata,
  objectOr,
  type Position,
  type Reading,
  readObject,
} from './api-object.ts';

/** Marks a Lease as written by an elector of this library (Kubernetes, "Recommended Labels"). */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** The value of `MANAGED_BY_LABEL`. */
export const MANAGED_BY = 'lease-elector';
/** Holds the uid of the Pod that released the Lease. */
export const RELEASED_ANNOTATION = 'lease-elector/released';

/** Holds the uid of the Pod that should lead next, and how many Pods the application had: `<uid> 3`, or `<uid> 50+`. */
const SUCCESSOR_ANNOTATION = 'lease-elector/successor';

/** A spec on the wire: client-node types times as dates, the wire has strings. */
type WireSpec = Omit<V1LeaseSpec, 'acquireTime' | 'renewTime'> & { acquireTime?: string; renewTime?: string };
type WireMeta = Omit<V1ObjectMeta, 'creationTimestamp' | 'deletionTimestamp'>;

/** A Lease on the wire. */
export type WireLease = Omit<V1Lease, 'metadata' | 'spec'> & { metadata: WireMeta; spec: WireSpec };

/** A count, and a number of seconds, are an `int32` on the wire. */
const LARGEST_INT32 = 2 ** 31 - 1;

/** The Lease of this name. */
export function expectedLease(namespace: string, name: string): ExpectedObject {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name };
}

/**
 * Reads a Lease, if it is the requested one. A field that cannot be parsed counts as missing, with one exception:
 * the owner. It decides which Pod holds the Lease, and a Lease without an owner can expire.
 */
export function readLease(value: unknown, expected: ExpectedObject, position: Position): Reading<LeaseRecord> {
  const reading = readObject(value, expected, position);
  if (!reading.ok) return reading;
  const { uid, resourceVersion, metadata, terminating, spec } = reading.value;
  const owner = readOwner(metadata.rest['ownerReferences']);
  if (!owner.ok) return owner;
  return {
    ok: true,
    value: {
      uid,
      resourceVersion,
      holderIdentity: stringOrNull(spec['holderIdentity']),
      owner: owner.value,
      acquireTimeMs: parseMicroTime(spec['acquireTime']),
      renewTimeMs: parseMicroTime(spec['renewTime']),
      leaseDurationSeconds: integerOrNull(spec['leaseDurationSeconds'], 1),
      leaseTransitions: integerOrNull(spec['leaseTransitions'], 0),
      releasedBy: metadata.annotations[RELEASED_ANNOTATION] ?? null,
      ...readSuccessor(metadata.annotations[SUCCESSOR_ANNOTATION]),
      terminating,
      finalizers: metadata.finalizers,
      source: value,
    },
  };
}

/**
 * The fields that a write returned with another value than was sent: an admission webhook changed them.
 *
 * Times are compared as the wire has them.
 */
export function compareWritten(sent: LeaseContent, written: LeaseRecord): readonly string[] {
  const isSame: Readonly<Record<string, boolean>> = {
    'metadata.ownerReferences': sent.owner?.uid === written.owner?.uid && sent.owner?.name === written.owner?.name,
    [`metadata.annotations[${RELEASED_ANNOTATION}]`]: sent.releasedBy === written.releasedBy,
    [`metadata.annotations[${SUCCESSOR_ANNOTATION}]`]: sent.successor?.uid === written.successor?.uid,
    'spec.holderIdentity': sent.holderIdentity === written.holderIdentity,
    'spec.leaseDurationSeconds': sent.leaseDurationSeconds === written.leaseDurationSeconds,
    'spec.renewTime': wireTime(sent.renewTimeMs) === wireTime(written.renewTimeMs),
  };
  return Object.keys(isSame).filter((field) => isSame[field] === false);
}

function wireTime(wallMs: number | null): string | null {
  return wallMs === null ? null : formatMicroTime(wallMs);
}

/** A Lease to create. */
export function writeNewLease(namespace: string, name: string, content: LeaseContent): WireLease {
  return write({ namespace, name }, {}, content);
}

/**
 * The Lease that replaces `before`. Everything that others wrote stays: labels, annotations, finalizers, fields
 * that this library does not know.
 *
 * The uid is sent with the resourceVersion because a PUT to a deleted Lease would create it (wire fact 4).
 */
export function writeReplacement(before: LeaseRecord, content: LeaseContent): WireLease {
  const source = objectOr(before.source);
  const { labels, annotations, finalizers, rest } = normalMetadata(source['metadata']);
  const { uid, resourceVersion } = before;
  const metadata = { ...rest, labels, annotations, finalizers: [...finalizers], uid, resourceVersion };
  return { ...source, ...write(metadata, objectOr(source['spec']), content) };
}

function write(metadata: WireMeta, spec: WireSpec, content: LeaseContent): WireLease {
  const { labels, annotations = {}, finalizers = [], ownerReferences: _owners, ...otherMetadata } = metadata;
  const { [RELEASED_ANNOTATION]: _released, [SUCCESSOR_ANNOTATION]: _successor, ...otherAnnotations } = annotations;
  const newAnnotations = {
    ...otherAnnotations,
    ...(content.releasedBy === null ? {} : { [RELEASED_ANNOTATION]: content.releasedBy }),
    ...(content.successor === undefined ? {} : { [SUCCESSOR_ANNOTATION]: formatSuccessor(content.successor) }),
  };
  const {
    acquireTime: _a,
    renewTime: _r,
    holderIdentity: _h,
    leaseDurationSeconds: _d,
    leaseTransitions: _t,
    ...otherSpec
  } = spec;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...otherMetadata,
      labels: { ...labels, [MANAGED_BY_LABEL]: MANAGED_BY },
      ...(Object.keys(newAnnotations).length === 0 ? {} : { annotations: newAnnotations }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
      ...(content.owner === null ? {} : { ownerReferences: [ownerReference(content.owner)] }),
    },
    spec: {
      ...otherSpec,
      ...(content.holderIdentity === null ? {} : { holderIdentity: content.holderIdentity }),
      ...(content.acquireTimeMs === null ? {} : { acquireTime: formatMicroTime(content.acquireTimeMs) }),
      ...(content.renewTimeMs === null ? {} : { renewTime: formatMicroTime(content.renewTimeMs) }),
      ...(content.leaseDurationSeconds === null ? {} : { leaseDurationSeconds: content.leaseDurationSeconds }),
      ...(content.leaseTransitions === null ? {} : { leaseTransitions: content.leaseTransitions }),
    },
  };
}

function formatSuccessor({ uid, pods }: NamedSuccessor): string {
  return `${uid} ${pods >= LISTED_PODS ? `${LISTED_PODS}+` : pods}`;
}

/** An annotation that cannot be parsed names no successor. */
function readSuccessor(annotation: string | undefined): { readonly successor?: NamedSuccessor } {
  const [, uid, count] = /^(\S{1,253}) (\d{1,2}|50\+)$/.exec(annotation ?? '') ?? [];
  if (uid === undefined || count === undefined) return {};
  return { successor: { uid, pods: Number.parseInt(count, 10) } };
}

/** Neither `controller` nor `blockOwnerDeletion`: the Lease must never delay the deletion of its Pod. */
function ownerReference(owner: PodReference): V1OwnerReference {
  return { apiVersion: 'v1', kind: 'Pod', name: owner.name, uid: owner.uid };
}

/**
 * The first Pod among the owners, so that all readers choose the same one.
 *
 * Owners that cannot be parsed do not prove that there is no owner: no API server stores them.
 */
function readOwner(ownerReferences: unknown): Reading<PodReference | null> {
  const unreadable = { ok: false, problem: 'has ownerReferences that cannot be parsed', isAnother: false } as const;
  if (ownerReferences === undefined || ownerReferences === null) return { ok: true, value: null };
  if (!Array.isArray(ownerReferences) || !ownerReferences.every(isObject)) return unreadable;
  const pod = ownerReferences.find((reference) => reference['apiVersion'] === 'v1' && reference['kind'] === 'Pod');
  if (pod === undefined) return { ok: true, value: null };
  const { name, uid } = pod;
  if (typeof name !== 'string' || name === '' || typeof uid !== 'string' || uid === '') return unreadable;
  return { ok: true, value: { name, uid } };
}

/** The earliest time that the API server can store, in milliseconds since 1970. Its years have four digits, and it reads the first moment of year 1 as null (wire fact 7). */
const EARLIEST_TIME_MS = Date.parse('0001-01-01T00:00:00.001Z');
const LATEST_TIME_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * Exactly six digits after the point: a real server answers 400 to three (wire fact 7).
 *
 * A time that no API server stores (the clock of a machine can be that wrong) becomes the nearest one that it stores.
 */
export function formatMicroTime(wallMs: number): string {
  const kept = Math.min(Math.max(wallMs, EARLIEST_TIME_MS), LATEST_TIME_MS);
  return new Date(kept).toISOString().replace('Z', '000Z');
}

/** Milliseconds since 1970, rounded down; `null` when the value is not a time that an API server stores. */
export function parseMicroTime(value: unknown): number | null {
  return timeOrNull(typeof value === 'string' ? Date.parse(value) : Number.NaN);
}

/** The time itself if an API server stores it, in milliseconds since 1970; else `null`. */
export function timeOrNull(wallMs: number): number | null {
  return wallMs >= EARLIEST_TIME_MS && wallMs <= LATEST_TIME_MS ? wallMs : null;
}

/** The value itself if it is a string, else `null`. */
export function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function integerOrNull(value: unknown, smallest: number): number | null {
  return Number.isInteger(value) && (value as number) >= smallest && (value as number) <= LARGEST_INT32
    ? (value as number)
    : null;
}

/**
 * Converts a V1Lease into a LeaseRecord and back, including MicroTime.
 *
 * The core decides what the fields mean. This file keeps the fields of other programs in a replacement.
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

/** The label of a Lease that an elector of this library wrote (Kubernetes, "Recommended Labels"). */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** The value of `MANAGED_BY_LABEL`. */
export const MANAGED_BY = 'lease-elector';
/** The annotation with the uid of the Pod that released the Lease. */
export const RELEASED_ANNOTATION = 'lease-elector/released';

/**
 * The annotation with the uid of the Pod that should lead next, and the number of Pods of the application: `<uid> 3`,
 * or `<uid> 50+`.
 */
const SUCCESSOR_ANNOTATION = 'lease-elector/successor';

/** A spec on the wire, where times are strings. client-node types them as dates. */
type WireSpec = Omit<V1LeaseSpec, 'acquireTime' | 'renewTime'> & { acquireTime?: string; renewTime?: string };
type WireMeta = Omit<V1ObjectMeta, 'creationTimestamp' | 'deletionTimestamp'>;

/** A Lease on the wire. */
export type WireLease = Omit<V1Lease, 'metadata' | 'spec'> & { metadata: WireMeta; spec: WireSpec };

/** The largest count or number of seconds: both are an `int32` on the wire. */
const LARGEST_INT32 = 2 ** 31 - 1;

/** The Lease of this name, as an expected object. */
export function expectedLease(namespace: string, name: string): ExpectedObject {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name };
}

/**
 * Reads a Lease, if it is the requested Lease. A field that cannot be parsed counts as missing. The owner is an
 * exception: it decides which Pod holds the Lease, and a Lease without an owner can expire.
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
 * The fields that were answered with a value other than the sent one, because an admission webhook changed them.
 *
 * Times are compared in the form that they have on the wire.
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
 * The Lease that replaces `before`. It keeps everything that other programs wrote: labels, annotations, finalizers,
 * fields that this library does not use.
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

/**
 * The owner reference has neither `controller` nor `blockOwnerDeletion`, because the Lease must never delay the
 * deletion of its Pod.
 */
function ownerReference(owner: PodReference): V1OwnerReference {
  return { apiVersion: 'v1', kind: 'Pod', name: owner.name, uid: owner.uid };
}

/**
 * Returns the first Pod among the owners, so that all readers choose the same Pod.
 *
 * Owners that cannot be parsed do not prove that there is no owner, because no API server stores such owners.
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
 * Formats a time with exactly six digits after the point. A real server answers 400 to a time with three (wire fact 7).
 *
 * A time that an API server cannot store (from a wrong clock) becomes the nearest time that it can store.
 */
export function formatMicroTime(wallMs: number): string {
  const kept = Math.min(Math.max(wallMs, EARLIEST_TIME_MS), LATEST_TIME_MS);
  return new Date(kept).toISOString().replace('Z', '000Z');
}

/** Milliseconds since 1970, rounded down; `null` when the value is not a time that an API server stores. */
export function parseMicroTime(value: unknown): number | null {
  return timeOrNull(typeof value === 'string' ? Date.parse(value) : Number.NaN);
}

/** The time itself, in milliseconds since 1970, if an API server can store it; otherwise `null`. */
export function timeOrNull(wallMs: number): number | null {
  return wallMs >= EARLIEST_TIME_MS && wallMs <= LATEST_TIME_MS ? wallMs : null;
}

/** The value itself if it is a string; otherwise `null`. */
export function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function integerOrNull(value: unknown, smallest: number): number | null {
  return Number.isInteger(value) && (value as number) >= smallest && (value as number) <= LARGEST_INT32
    ? (value as number)
    : null;
}

/**
 * V1Lease ↔ LeaseRecord, including MicroTime.
 *
 * What the fields mean is decided by the core; that a replace goes on top of what others wrote, here.
 */

import type { V1Lease, V1LeaseSpec, V1ObjectMeta, V1OwnerReference } from '@kubernetes/client-node';
import type { LeaseContent, LeaseRecord, PodReference } from '../core/lease-record.ts';
import { isObject } from './api-error.ts';

/** Says that an elector of this library writes the Lease (Kubernetes, "Recommended Labels"). */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** The value of `MANAGED_BY_LABEL`. */
export const MANAGED_BY = 'lease-elector';
/** Holds the uid of the Pod that gave the Lease up. */
export const RELEASED_ANNOTATION = 'lease-elector/released';

/** A spec as it travels: client-node types times as dates, the wire knows strings. */
type WireSpec = Omit<V1LeaseSpec, 'acquireTime' | 'renewTime'> & { acquireTime?: string; renewTime?: string };
type WireMeta = Omit<V1ObjectMeta, 'creationTimestamp' | 'deletionTimestamp'>;

/** A Lease as it travels. */
export type WireLease = Omit<V1Lease, 'metadata' | 'spec'> & { metadata: WireMeta; spec: WireSpec };

/** What every object of the API has and this library relies on. */
export interface ObjectIdentity {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly metadata: Record<string, unknown>;
}

/**
 * Reads what identifies an object; `null` when it is none of this kind.
 *
 * A resourceVersion that is no decimal number is refused: it could be neither compared nor be a fencing token.
 */
export function readIdentity(value: unknown, kind: 'Lease' | 'Pod'): ObjectIdentity | null {
  // The items of a list carry no kind of their own.
  if (!isObject(value) || (value['kind'] !== undefined && value['kind'] !== kind)) return null;
  const metadata = value['metadata'];
  if (!isObject(metadata)) return null;
  const { name, uid, resourceVersion } = metadata;
  if (typeof name !== 'string' || name === '' || typeof uid !== 'string' || uid === '') return null;
  if (typeof resourceVersion !== 'string' || !/^[1-9]\d*$/.test(resourceVersion)) return null;
  return { name, uid, resourceVersion, metadata };
}

/** Reads a Lease; `null` when the value is none. A field that cannot be understood counts as left out. */
export function readLease(value: unknown): LeaseRecord | null {
  const identity = readIdentity(value, 'Lease');
  if (identity === null || !isObject(value)) return null;
  const spec = isObject(value['spec']) ? value['spec'] : {};
  const annotations = isObject(identity.metadata['annotations']) ? identity.metadata['annotations'] : {};
  return {
    uid: identity.uid,
    resourceVersion: identity.resourceVersion,
    holderIdentity: stringOrNull(spec['holderIdentity']),
    owner: readOwner(identity.metadata['ownerReferences']),
    acquireTimeMs: parseMicroTime(spec['acquireTime']),
    renewTimeMs: parseMicroTime(spec['renewTime']),
    leaseDurationSeconds: numberOrNull(spec['leaseDurationSeconds']),
    leaseTransitions: numberOrNull(spec['leaseTransitions']),
    releasedBy: stringOrNull(annotations[RELEASED_ANNOTATION]),
    source: value,
  };
}

/** A Lease to create. */
export function writeNewLease(namespace: string, name: string, content: LeaseContent): WireLease {
  return write({ namespace, name }, {}, content);
}

/**
 * A Lease to replace `before` with: everything that others wrote (labels, annotations, finalizers, fields
 * this library does not know) stays.
 *
 * The uid is sent with the resourceVersion because a PUT to a Lease that is gone would create it (wire fact 4).
 */
export function writeReplacement(before: LeaseRecord, content: LeaseContent): WireLease {
  const source = isObject(before.source) ? before.source : {};
  const metadata = isObject(source['metadata']) ? source['metadata'] : {};
  const spec = isObject(source['spec']) ? source['spec'] : {};
  const { uid, resourceVersion } = before;
  return { ...source, ...write({ ...metadata, uid, resourceVersion }, spec, content) };
}

function write(metadata: WireMeta, spec: WireSpec, content: LeaseContent): WireLease {
  const { annotations = {}, ownerReferences: _owners, ...otherMetadata } = metadata;
  const { [RELEASED_ANNOTATION]: _released, ...otherAnnotations } = annotations;
  const newAnnotations =
    content.releasedBy === null ? otherAnnotations : { ...otherAnnotations, [RELEASED_ANNOTATION]: content.releasedBy };
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
      labels: { ...metadata.labels, [MANAGED_BY_LABEL]: MANAGED_BY },
      ...(Object.keys(newAnnotations).length === 0 ? {} : { annotations: newAnnotations }),
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

/** Neither `controller` nor `blockOwnerDeletion`: the Lease must never hold its Pod back. */
function ownerReference(owner: PodReference): V1OwnerReference {
  return { apiVersion: 'v1', kind: 'Pod', name: owner.name, uid: owner.uid };
}

/** The first Pod among the owners, so that every reader decides on the same one. */
function readOwner(ownerReferences: unknown): PodReference | null {
  if (!Array.isArray(ownerReferences)) return null;
  for (const reference of ownerReferences) {
    if (!isObject(reference) || reference['apiVersion'] !== 'v1' || reference['kind'] !== 'Pod') continue;
    const { name, uid } = reference;
    if (typeof name === 'string' && typeof uid === 'string' && uid !== '') return { name, uid };
  }
  return null;
}

/** Exactly six digits after the point: a real server answers 400 to three (wire fact 7). */
export function formatMicroTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('Z', '000Z');
}

/** Milliseconds since 1970, rounded down; `null` for what is no time. */
export function parseMicroTime(value: unknown): number | null {
  const wallMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(wallMs) ? null : wallMs;
}

/** A string as it is, and anything else as `null`. */
export function stringOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

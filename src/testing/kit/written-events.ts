/**
 * The writes of Pods and Leases that a server carried out, as the events of a timeline.
 */

import type { ApiObject } from '../objects/api-object.ts';
import type { ObservedWrite } from '../server/api-server.ts';
import type { TimelineEventContent, TimelinePod } from '../timeline/timeline-event.ts';

/** An event of a Pod object or of a Lease. */
export type WrittenContent = Extract<
  TimelineEventContent,
  { readonly type: 'podCreated' | 'podTerminating' | 'podFinished' | 'podGone' | 'leaseWritten' | 'leaseDeleted' }
>;

const DEFAULT_NAMESPACE = 'default';

/** Translates writes in their order. */
export class WrittenEvents {
  /** The uids of the Pods that are being deleted. */
  readonly #terminating = new Set<string>();
  readonly #finished = new Set<string>();

  /** The event of a write; null when a timeline does not show it. */
  of({ type, resource, object, resourceVersion }: ObservedWrite): WrittenContent | null {
    if (resource === 'pods') return this.#ofPod(type, object);
    return resource === 'leases' ? ofLease(type, object, resourceVersion) : null;
  }

  #ofPod(type: ObservedWrite['type'], { metadata, status }: ApiObject): WrittenContent | null {
    const { name, uid, deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata;
    const pod = { name, uid };
    if (type === 'ADDED') return { type: 'podCreated', pod };
    // A deletion by force marks the object with a grace period of 0, and deletes it at once.
    if (type === 'DELETED') return { type: 'podGone', pod, forced: !this.#terminating.has(uid) };
    const phase = String(status?.['phase'] ?? '');
    if ((phase === 'Succeeded' || phase === 'Failed') && !this.#finished.has(uid)) {
      this.#finished.add(uid);
      return { type: 'podFinished', pod, phase };
    }
    if (deletionTimestamp === undefined || deletionGracePeriodSeconds === 0 || this.#terminating.has(uid)) return null;
    this.#terminating.add(uid);
    return { type: 'podTerminating', pod };
  }
}

function ofLease(type: ObservedWrite['type'], { metadata, spec }: ApiObject, resourceVersion: string): WrittenContent {
  const { uid: leaseUid, annotations, namespace = DEFAULT_NAMESPACE } = metadata;
  const lease = leaseKey(namespace, metadata.name);
  if (type === 'DELETED') return { type: 'leaseDeleted', lease, leaseUid };
  const owner = ownerOf(metadata);
  return {
    type: 'leaseWritten',
    lease,
    leaseUid,
    owner,
    holder: (spec?.['holderIdentity'] as string | undefined) ?? null,
    released: owner !== null && annotations?.['lease-elector/released'] === owner.uid,
    revision: BigInt(resourceVersion),
  };
}

/** The Pod that owns an object; null when no Pod does. */
export function ownerOf({ ownerReferences }: ApiObject['metadata']): TimelinePod | null {
  const owner = ownerReferences?.find(({ kind }) => kind === 'Pod');
  return owner === undefined ? null : { name: owner.name, uid: owner.uid };
}

/** The name of a Lease in a timeline. */
export function leaseKey(namespace: string, name: string): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}

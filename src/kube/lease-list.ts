/**
 * Lists and watches the Leases of all elections of this library, in one namespace or in the whole cluster, for people.
 */

import type { LeaseRecord } from '../core/lease-record.ts';
import type { WatchPort } from '../driver/ports.ts';
import { isObject } from '../runtime/object-kind.ts';
import type { ApiTransport } from './api-client.ts';
import { objectOr, type Position, type Reading } from './api-object.ts';
import { expectedLease, MANAGED_BY, MANAGED_BY_LABEL, readLease } from './lease-mapping.ts';
import { type WatchedObject, watchPort } from './watch-stream.ts';

/** A Lease with its namespace and name. */
export interface NamedLease {
  readonly namespace: string;
  readonly name: string;
  readonly lease: LeaseRecord;
}

/**
 * The list and the watch of the Leases that electors of this library wrote.
 * @param namespace `''` for all namespaces
 */
export function leaseListPort(client: ApiTransport, namespace: string): WatchPort<NamedLease> {
  return leasesPort(client, { namespace, name: '', labelSelector: `${MANAGED_BY_LABEL}=${MANAGED_BY}` });
}

/** The list and the watch of the Lease of this name, whatever its labels. */
export function namedLeasePort(client: ApiTransport, namespace: string, name: string): WatchPort<NamedLease> {
  return leasesPort(client, { namespace, name });
}

function leasesPort(
  client: ApiTransport,
  selected: Pick<WatchedObject<NamedLease>, 'namespace' | 'name' | 'labelSelector'>,
): WatchPort<NamedLease> {
  return watchPort({
    client,
    apiGroup: 'coordination.k8s.io',
    resource: 'leases',
    listKind: 'LeaseList',
    ...selected,
    read: readNamedLease,
  });
}

function readNamedLease(value: unknown, position: Position): Reading<NamedLease> {
  const { namespace, name } = objectOr(isObject(value) ? value['metadata'] : null);
  if (typeof namespace !== 'string' || typeof name !== 'string' || namespace === '' || name === '') {
    return { ok: false, problem: 'has no name or no namespace', isAnother: false };
  }
  const reading = readLease(value, expectedLease(namespace, name), position);
  return reading.ok ? { ok: true, value: { namespace, name, lease: reading.value } } : reading;
}

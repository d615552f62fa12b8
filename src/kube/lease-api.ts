/**
 * Create, read, replace and delete the one Lease of the election; always with resourceVersion or preconditions.
 *
 * When to do which is decided by the core.
 */

import type { LeaseContent, LeaseRecord } from '../core/lease-record.ts';
import type { Answer, LeasePort, WatchPort } from '../driver/ports.ts';
import type { ApiAnswer, ApiTransport } from './api-client.ts';
import { malformed } from './api-error.ts';
import type { ApiRequest, ApiVerb } from './api-request.ts';
import { readLease, writeNewLease, writeReplacement } from './lease-mapping.ts';
import { watchPort } from './watch-stream.ts';

const API_GROUP = 'coordination.k8s.io';
const RESOURCE = 'leases';

/** The requests about the Lease `name`. */
export function leasePort(client: ApiTransport, namespace: string, name: string): LeasePort {
  const requestOf = (verb: ApiVerb, body?: unknown): ApiRequest => ({
    verb,
    apiGroup: API_GROUP,
    resource: RESOURCE,
    namespace,
    name,
    body,
  });
  return {
    async read() {
      const request = requestOf('get');
      const answer = await client.request(request);
      return !answer.ok && answer.absent ? { ok: true, value: null } : recordOf(request, answer);
    },
    async create(content: LeaseContent) {
      const request = requestOf('create', writeNewLease(namespace, name, content));
      return recordOf(request, await client.request(request));
    },
    async replace(lease: LeaseRecord, content: LeaseContent) {
      const request = requestOf('update', writeReplacement(lease, content));
      return recordOf(request, await client.request(request));
    },
    async delete({ uid, resourceVersion }) {
      const preconditions = { uid, resourceVersion };
      const request = requestOf('delete', { apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
      const answer = await client.request(request);
      if (answer.ok || answer.absent) return { ok: true, value: null };
      return { ok: false, failure: answer.failure };
    },
  };
}

/** The list and the watch of the Lease `name`. */
export function leaseWatchPort(client: ApiTransport, namespace: string, name: string): WatchPort<LeaseRecord> {
  return watchPort({
    client,
    apiGroup: API_GROUP,
    resource: RESOURCE,
    listKind: 'LeaseList',
    namespace,
    name,
    read: readLease,
  });
}

function recordOf(request: ApiRequest, answer: ApiAnswer): Answer<LeaseRecord> {
  if (!answer.ok) return { ok: false, failure: answer.failure };
  const record = readLease(answer.value);
  return record === null
    ? { ok: false, failure: malformed(request, 'the answer is no Lease') }
    : { ok: true, value: record };
}

/**
 * Creates, reads, replaces and deletes the Lease of the election. A replacement and a deletion always have a uid and a
 * resourceVersion as preconditions.
 *
 * The core decides when.
 */

import type { LeaseContent, LeaseRecord } from '../core/lease-record.ts';
import type { Answer, LeasePort, WatchPort, WriteAnswer } from '../driver/ports.ts';
import { isObject } from '../runtime/object-kind.ts';
import { quote } from '../runtime/quotation.ts';
import type { ApiAnswer, ApiTransport } from './api-client.ts';
import { malformed } from './api-error.ts';
import { type ExpectedObject, explainProblem, objectOr } from './api-object.ts';
import type { ApiRequest, ApiVerb } from './api-request.ts';
import { compareWritten, expectedLease, readLease, writeNewLease, writeReplacement } from './lease-mapping.ts';
import { watchPort } from './watch-stream.ts';

const API_GROUP = 'coordination.k8s.io';
const RESOURCE = 'leases';

/** The requests about the Lease `name`. */
export function leasePort(client: ApiTransport, namespace: string, name: string): LeasePort {
  const expected = expectedLease(namespace, name);
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
      return !answer.ok && answer.absent ? { ok: true, value: null } : recordOf(request, answer, expected);
    },
    async create(content: LeaseContent) {
      const request = requestOf('create', writeNewLease(namespace, name, content));
      return compared(content, recordOf(request, await client.request(request), expected));
    },
    async replace(lease: LeaseRecord, content: LeaseContent, written?: () => void) {
      const request = requestOf('update', writeReplacement(lease, content));
      const answer = await client.request(request, written === undefined ? {} : { written });
      return compared(content, recordOf(request, answer, expected, lease.uid));
    },
    async delete({ uid, resourceVersion }) {
      const preconditions = { uid, resourceVersion };
      const request = requestOf('delete', { apiVersion: 'v1', kind: 'DeleteOptions', preconditions });
      const answer = await client.request(request);
      if (!answer.ok) return answer.absent ? { ok: true, value: null } : { ok: false, failure: answer.failure };
      return deletionOf(request, answer.value, expected, uid);
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
    read: (value, position) => readLease(value, expectedLease(namespace, name), position),
  });
}

/** @param uid the uid of the Lease that was written, because a write with a precondition never returns another Lease */
function recordOf(request: ApiRequest, answer: ApiAnswer, expected: ExpectedObject, uid?: string): Answer<LeaseRecord> {
  if (!answer.ok) return { ok: false, failure: answer.failure };
  const reading = readLease(answer.value, expected, 'whole');
  if (!reading.ok) return { ok: false, failure: malformed(request, explainProblem('the answer', reading.problem)) };
  if (uid === undefined || reading.value.uid === uid) return { ok: true, value: reading.value };
  const problem = `has the uid ${quote(reading.value.uid)}, not ${quote(uid)}`;
  return { ok: false, failure: malformed(request, explainProblem('the answer', problem)) };
}

/** Adds the fields that were answered with a value other than the sent one. */
function compared(sent: LeaseContent, answer: Answer<LeaseRecord>): WriteAnswer {
  if (!answer.ok) return answer;
  const altered = compareWritten(sent, answer.value);
  return altered.length === 0 ? answer : { ...answer, altered };
}

/**
 * The result of a DELETE. A Status means that the Lease is gone. The Lease itself with a `deletionTimestamp` means that
 * its finalizers keep it (wire fact 11).
 */
function deletionOf(
  request: ApiRequest,
  value: unknown,
  expected: ExpectedObject,
  uid: string,
): Answer<LeaseRecord | null> {
  if (!isObject(value) || value['kind'] !== 'Status') {
    const left = recordOf(request, { ok: true, value }, expected, uid);
    return left.ok && !left.value.terminating ? { ok: true, value: null } : left;
  }
  const { name, kind, uid: deletedUid } = objectOr(value['details']);
  const isAbout = (given: unknown, wanted: string): boolean => given == null || given === '' || given === wanted;
  const isThisLease = isAbout(name, expected.name) && isAbout(kind, RESOURCE) && isAbout(deletedUid, uid);
  return value['status'] === 'Success' && isThisLease
    ? { ok: true, value: null }
    : { ok: false, failure: malformed(request, 'the answer is a Status that does not say that this Lease is deleted') };
}

/**
 * What is written for others to see: labels and annotations of Pods, and Events about the Lease.
 *
 * When to write it is decided in `publishing/`. Each request has a connection of its own.
 */

import type { Answer, LeaseEvent, PodMetadata, PodMetadataPatch, PublishingPort } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import { malformed } from './api-error.ts';
import { explainProblem, readObject } from './api-object.ts';
import type { ApiRequest } from './api-request.ts';
import { formatMicroTime } from './lease-mapping.ts';
import { isName } from './object-name.ts';

/** What an Event names as its source. */
const COMPONENT = 'lease-elector';

/** The requests about Pods of one namespace, and about Events of the Lease `lease`. */
export function publishingPort(client: ApiTransport, namespace: string, lease: string): PublishingPort {
  return {
    readPodMetadata: (name) => readPodMetadata(client, namespace, name),
    async patchPodMetadata({ name, uid, resourceVersion }: PodMetadata, patch: PodMetadataPatch) {
      const body = { metadata: { uid, resourceVersion, ...patch } };
      return done(client, { verb: 'patch', apiGroup: '', resource: 'pods', namespace, name, body, apart: true });
    },
    async createEvent(event) {
      const { name } = event;
      const body = writeEvent(event, namespace, lease);
      return done(client, { verb: 'create', apiGroup: '', resource: 'events', namespace, name, body, apart: true });
    },
  };
}

async function done(client: ApiTransport, request: ApiRequest): Promise<Answer<null>> {
  const answer = await client.request(request);
  return answer.ok ? { ok: true, value: null } : { ok: false, failure: answer.failure };
}

async function readPodMetadata(
  client: ApiTransport,
  namespace: string,
  name: string,
): Promise<Answer<PodMetadata | null>> {
  const request: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace, name, apart: true };
  // An owner reference may name `..`, whose path would lead to another object.
  if (!isName('Pod', name)) return { ok: false, failure: malformed(request, 'no Pod can have that name') };
  const answer = await client.request(request);
  if (!answer.ok) return answer.absent ? { ok: true, value: null } : { ok: false, failure: answer.failure };
  const reading = readObject(answer.value, { apiVersion: 'v1', kind: 'Pod', namespace, name }, 'whole');
  if (!reading.ok) return { ok: false, failure: malformed(request, explainProblem('the answer', reading.problem)) };
  const { uid, resourceVersion, metadata } = reading.value;
  const { labels, annotations } = metadata;
  return { ok: true, value: { name, uid, resourceVersion, labels, annotations } };
}

/**
 * An Event of the core group without an `eventTime`, as the recorder of client-go writes it. The API server accepts it in
 * the namespace of its object alone (kubernetes, pkg/apis/core/validation/events.go).
 */
function writeEvent(event: LeaseEvent, namespace: string, lease: string): Readonly<Record<string, unknown>> {
  const { name, type, reason, message, leaseUid, reporter } = event;
  // A time of an Event has whole seconds.
  const time = formatMicroTime(event.wallMs).replace(/\.\d{6}Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name: lease, uid: leaseUid },
    ...{ type, reason, message, count: 1, firstTimestamp: time, lastTimestamp: time },
    source: { component: COMPONENT },
    reportingComponent: COMPONENT,
    reportingInstance: reporter,
  };
}

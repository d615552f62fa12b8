/**
 * Writes labels and annotations of Pods, and Events about the Lease, for other programs.
 *
 * `publishing/` decides when to write. Each request has its own connection.
 */

import type { Answer, LeaseEvent, PodMetadata, PodMetadataPatch, PublishingPort } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import type { ApiRequest } from './api-request.ts';
import { formatMicroTime } from './lease-mapping.ts';
import { readNamedObject } from './named-object.ts';

/** The source of an Event. */
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
  const expected = { apiVersion: 'v1', kind: 'Pod', namespace, name } as const;
  return readNamedObject(client, request, expected, ({ uid, resourceVersion, metadata: { labels, annotations } }) => ({
    name,
    uid,
    resourceVersion,
    labels,
    annotations,
  }));
}

/**
 * An Event of the core group without an `eventTime`, as the recorder of client-go writes it. The API server accepts it
 * only in the namespace of its object (kubernetes, pkg/apis/core/validation/events.go).
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

/**
 * Reads and watches Pods: the own one, and the incumbent's.
 *
 * What a Pod's state means for the election is decided by the core.
 */

import type { PodRecord } from '../core/lease-record.ts';
import type { Answer, PodPort, WatchPort } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import { isObject, malformed } from './api-error.ts';
import type { ApiRequest } from './api-request.ts';
import { readIdentity } from './lease-mapping.ts';
import { readPodReport } from './pod-report.ts';
import { watchPort } from './watch-stream.ts';

/** A Pod with its labels, of which the Lease's name may be one. */
export interface LabelledPod extends PodRecord {
  readonly labels: Readonly<Record<string, unknown>>;
}

/** A consistent read of a Pod; `null` when the API server says that there is none of that name. */
export async function readPod(
  client: ApiTransport,
  namespace: string,
  name: string,
): Promise<Answer<LabelledPod | null>> {
  const request: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace, name };
  const answer = await client.request(request);
  if (!answer.ok) return answer.absent ? { ok: true, value: null } : { ok: false, failure: answer.failure };
  const pod = readLabelledPod(answer.value);
  return pod === null || pod.name !== name
    ? { ok: false, failure: malformed(request, 'the answer is not that Pod') }
    : { ok: true, value: pod };
}

/** The reads of Pods of one namespace. */
export function podPort(client: ApiTransport, namespace: string): PodPort {
  return { read: (name) => readPod(client, namespace, name) };
}

/** The list and the watch of the Pod `name`. */
export function podWatchPort(client: ApiTransport, namespace: string, name: string): WatchPort<PodRecord> {
  return watchPort({
    client,
    apiGroup: '',
    resource: 'pods',
    listKind: 'PodList',
    namespace,
    name,
    read: readLabelledPod,
  });
}

function readLabelledPod(value: unknown): LabelledPod | null {
  const identity = readIdentity(value, 'Pod');
  if (identity === null || !isObject(value)) return null;
  const { name, uid, resourceVersion, metadata } = identity;
  const report = readPodReport(value, metadata);
  return {
    name,
    uid,
    resourceVersion,
    terminating: typeof metadata['deletionTimestamp'] === 'string',
    labels: isObject(metadata['labels']) ? metadata['labels'] : {},
    ...(report === null ? {} : { report }),
  };
}

/**
 * Reads and watches the Pod of this process and the holder's Pod, and lists the Pods of the application.
 *
 * The core decides what the state of a Pod means for the election.
 */

import type { PodRecord } from '../core/lease-record.ts';
import type { Answer, PodPort, WatchPort } from '../driver/ports.ts';
import type { ApiTransport } from './api-client.ts';
import { type ApiObject, type ExpectedObject, type Position, type Reading, readObject } from './api-object.ts';
import type { ApiRequest } from './api-request.ts';
import { readNamedObject } from './named-object.ts';
import { applicationLabels, listPods } from './pod-list.ts';
import { readPodReport } from './pod-report.ts';
import { watchPort } from './watch-stream.ts';

/** A Pod with its labels; one of them can name the Lease. */
export interface LabelledPod extends PodRecord {
  readonly labels: Readonly<Record<string, string>>;
}

/** A consistent read of a Pod; `null` when the API server answers that no Pod has this name. */
export async function readPod(
  client: ApiTransport,
  namespace: string,
  name: string,
): Promise<Answer<LabelledPod | null>> {
  const request: ApiRequest = { verb: 'get', apiGroup: '', resource: 'pods', namespace, name };
  return readNamedObject(client, request, expectedPod(namespace, name), labelledPodOf);
}

/** The number of Pods that are kept: this Pod and the holder's Pod. */
const RECENT_PODS = 2;

/** The reads and lists of the Pods of one namespace. */
export function podPort(client: ApiTransport, namespace: string): PodPort {
  /** The Pods that were read last. An elector reads its own Pod before it leads, and then once a minute. */
  let recent: readonly LabelledPod[] = [];
  return {
    read: async (name) => {
      const answer = await readPod(client, namespace, name);
      const { value } = answer.ok ? answer : { value: null };
      if (value !== null) recent = [value, ...recent.filter(({ uid }) => uid !== value.uid)].slice(0, RECENT_PODS);
      return answer;
    },
    listApplication: async ({ uid }, ignoredLabel) => {
      const labels = applicationLabels(recent.find((pod) => pod.uid === uid)?.labels ?? {}, ignoredLabel);
      // Without labels, the list would show every Pod of the namespace.
      if (Object.keys(labels).length === 0) return { ok: true, value: { pods: [], more: false } };
      return listPods(client, namespace, labels);
    },
  };
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
    read: (value, position) => readLabelledPod(value, expectedPod(namespace, name), position),
  });
}

function expectedPod(namespace: string, name: string): ExpectedObject {
  return { apiVersion: 'v1', kind: 'Pod', namespace, name };
}

function readLabelledPod(value: unknown, expected: ExpectedObject, position: Position): Reading<LabelledPod> {
  const reading = readObject(value, expected, position);
  return reading.ok ? { ok: true, value: labelledPodOf(reading.value) } : reading;
}

function labelledPodOf(object: ApiObject): LabelledPod {
  const { name, uid, resourceVersion, metadata, terminating } = object;
  const report = readPodReport(object);
  const pod = { name, uid, resourceVersion, terminating, labels: metadata.labels };
  return report === null ? pod : { ...pod, report };
}

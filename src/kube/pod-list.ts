/**
 * Lists the running Pods of an application: the Pods with the same labels as one of its Pods. Labels that differ from
 * Pod to Pod or from generation to generation are ignored.
 */

import { LISTED_PODS, type ListedPod, type PodListing } from '../core/successor.ts';
import type { Answer } from '../driver/ports.ts';
import { isObject } from '../runtime/object-kind.ts';
import type { ApiTransport } from './api-client.ts';
import { malformed } from './api-error.ts';
import { UID } from './api-object.ts';
import type { ApiRequest } from './api-request.ts';

/**
 * The labels that differ within an application. Controllers of workloads set them (Kubernetes, "Well-Known Labels";
 * Argo Rollouts; Istio), and Helm charts set them with each release ("Recommended Labels").
 */
const LABELS_OF_ONE_POD: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'pod-template-generation',
  'controller-revision-hash',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'controller-uid',
  'job-name',
  'rollouts-pod-template-hash',
  'app.kubernetes.io/version',
  'helm.sh/chart',
  'version',
  'service.istio.io/canonical-revision',
]);

const LABELS_OF_ONE_JOB = 'batch.kubernetes.io/';

/** The labels that all Pods of the application have. @param ignored a label that only one Pod has, such as that of the leader */
export function applicationLabels(
  labels: Readonly<Record<string, string>>,
  ignored: string | null,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).filter(
      ([key]) => !LABELS_OF_ONE_POD.has(key) && !key.startsWith(LABELS_OF_ONE_JOB) && key !== ignored,
    ),
  );
}

/** A consistent list of at most 50 Pods. An item that cannot be parsed is left out, because the list is only a hint. */
export async function listPods(
  client: ApiTransport,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): Promise<Answer<PodListing>> {
  const request: ApiRequest = {
    verb: 'list',
    apiGroup: '',
    resource: 'pods',
    namespace,
    name: '',
    selection: {
      labelSelector: Object.entries(labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
      page: { fieldSelector: 'status.phase=Running', limit: LISTED_PODS },
    },
    // A list that hangs must delay neither a renewal nor the release of a Lease.
    apart: true,
  };
  const answer = await client.request(request);
  if (!answer.ok) return { ok: false, failure: answer.failure };
  const list = isObject(answer.value) ? answer.value : {};
  const { items, metadata } = list;
  if (!Array.isArray(items)) return { ok: false, failure: malformed(request, 'the answer has no list of items') };
  const rest = isObject(metadata) ? metadata['continue'] : undefined;
  const pods = items.slice(0, LISTED_PODS).flatMap((item: unknown) => readListedPod(item, namespace) ?? []);
  return { ok: true, value: { pods, more: items.length > LISTED_PODS || (typeof rest === 'string' && rest !== '') } };
}

function readListedPod(item: unknown, namespace: string): ListedPod | null {
  const metadata = isObject(item) ? item['metadata'] : null;
  if (!isObject(metadata)) return null;
  const { uid, creationTimestamp, deletionTimestamp } = metadata;
  if (typeof uid !== 'string' || !UID.test(uid) || metadata['namespace'] !== namespace) return null;
  const createdAtMs = Date.parse(String(creationTimestamp));
  return {
    uid,
    createdAtMs: Number.isNaN(createdAtMs) ? null : createdAtMs,
    terminating: deletionTimestamp !== undefined && deletionTimestamp !== null,
  };
}

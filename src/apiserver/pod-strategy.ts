/**
 * Pods: what a new one is filled up with, what may change in it, and how long its deletion takes. There
 * is no scheduler and no kubelet: a Pod is bound when it was created so.
 */

import { type ApiObject, isJsonObject, type JsonObject, sameJson } from './api-object.ts';
import type { FieldError } from './status.ts';
import type { Strategy } from './strategies.ts';

/** @default spec.terminationGracePeriodSeconds of a Pod, in seconds (wire recording pod-crud) */
const DEFAULT_GRACE_PERIOD_SECONDS = 30;

const NODE_TOLERATIONS: readonly JsonObject[] = ['not-ready', 'unreachable'].map((condition) => ({
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function withDefaults(container: JsonObject): JsonObject {
  const image = typeof container['image'] === 'string' ? container['image'] : '';
  const tag = /:([^/:@]+)$/.exec(image)?.[1] ?? 'latest';
  return {
    ...container,
    resources: container['resources'] ?? {},
    terminationMessagePath: container['terminationMessagePath'] ?? '/dev/termination-log',
    terminationMessagePolicy: container['terminationMessagePolicy'] ?? 'File',
    imagePullPolicy: container['imagePullPolicy'] ?? (tag === 'latest' ? 'Always' : 'IfNotPresent'),
  };
}

/** The spec with the defaults of a real server without the ServiceAccount admission plugin (wire recording pod-crud). */
function specWithDefaults(given: JsonObject): JsonObject {
  const serviceAccount = given['serviceAccountName'] ?? given['serviceAccount'];
  const { containers, serviceAccount: _deprecated, ...rest } = given;
  return {
    containers: listOf(containers).map(withDefaults),
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: DEFAULT_GRACE_PERIOD_SECONDS,
    dnsPolicy: 'ClusterFirst',
    ...(serviceAccount === undefined ? {} : { serviceAccountName: serviceAccount, serviceAccount }),
    securityContext: {},
    schedulerName: 'default-scheduler',
    tolerations: NODE_TOLERATIONS,
    priority: 0,
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    ...rest,
  };
}

function prepareForCreate(pod: ApiObject): ApiObject {
  const spec = specWithDefaults(objectOf(pod.spec));
  const status = { phase: 'Pending', qosClass: qosClassOf(listOf(spec['containers'])) };
  return { ...pod, metadata: { ...pod.metadata, generation: 1 }, spec, status };
}

function qosClassOf(containers: readonly JsonObject[]): string {
  const asked = containers.some((container) => Object.keys(objectOf(container['resources'])).length > 0);
  return asked ? 'Burstable' : 'BestEffort';
}

function prepareForUpdate(next: ApiObject, current: ApiObject, subresource: string): ApiObject {
  if (subresource === 'status') {
    const { metadata, ...rest } = current;
    // The status may be written together with metadata, but not with the spec or a deletion.
    const kept = {
      ...next.metadata,
      ...(metadata.deletionTimestamp === undefined ? {} : { deletionTimestamp: metadata.deletionTimestamp }),
    };
    const status = { ...objectOf(next.status) };
    status['qosClass'] ??= objectOf(current.status)['qosClass'];
    return { ...rest, metadata: { ...kept, generation: metadata.generation ?? 1 }, status: orderStatus(status) };
  }
  const spec = specWithDefaults(objectOf(next.spec));
  const changed = !sameJson(spec, current.spec);
  const generation = (current.metadata.generation ?? 1) + (changed ? 1 : 0);
  return { ...next, metadata: { ...next.metadata, generation }, spec, status: current.status ?? {} };
}

/** Times of conditions that were not given are null, as Go writes a zero time inside a list. */
function orderStatus(status: JsonObject): JsonObject {
  if (!Array.isArray(status['conditions'])) return status;
  const conditions = status['conditions'].map((condition: unknown) => {
    const { type, status: state, ...rest } = objectOf(condition);
    return { type, status: state, lastProbeTime: null, lastTransitionTime: null, ...rest };
  });
  return { ...status, conditions };
}

function validate(pod: ApiObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const spec = objectOf(pod.spec);
  const containers = listOf(spec['containers']);
  if (containers.length === 0) errors.push({ type: 'Required', field: 'spec.containers', detail: '' });
  containers.forEach((container, index) => {
    const field = `spec.containers[${index}]`;
    if (!container['name']) errors.push({ type: 'Required', field: `${field}.name`, detail: '' });
    const first = containers.findIndex((other) => other['name'] === container['name']);
    if (first !== index) {
      errors.push({ type: 'Duplicate', field: `${field}.name`, value: container['name'], detail: '' });
    }
    if (!container['image']) errors.push({ type: 'Required', field: `${field}.image`, detail: '' });
  });
  const policy = spec['restartPolicy'];
  if (!RESTART_POLICIES.includes(String(policy))) {
    const supported = RESTART_POLICIES.map((known) => JSON.stringify(known)).join(', ');
    errors.push({
      type: 'NotSupported',
      field: 'spec.restartPolicy',
      value: policy,
      detail: `supported values: ${supported}`,
    });
  }
  return errors;
}

const RESTART_POLICIES: readonly string[] = ['Always', 'OnFailure', 'Never'];

/** What the spec of a Pod is compared by: everything but what may change. */
function fixedPart(spec: JsonObject): JsonObject {
  const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, ...rest } = spec;
  const withoutImages = (containers: unknown): readonly JsonObject[] =>
    listOf(containers).map(({ image: _image, ...container }) => container);
  return {
    ...rest,
    containers: withoutImages(spec['containers']),
    initContainers: withoutImages(spec['initContainers']),
  };
}

/** Most of a Pod's spec is fixed (wire recording pod-update). A real server shows the difference as well. */
function validateUpdate(next: ApiObject, current: ApiObject): readonly FieldError[] {
  if (sameJson(fixedPart(objectOf(next.spec)), fixedPart(objectOf(current.spec)))) return [];
  const detail =
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
    '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
    '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
  return [{ type: 'Forbidden', field: 'spec', detail }];
}

/** A condition of a Pod that is true from now on. */
export function withCondition(
  pod: ApiObject,
  condition: { readonly type: string; readonly reason?: string; readonly message?: string },
  now: string,
): ApiObject {
  const { type, ...why } = condition;
  const present = listOf(pod.status?.['conditions']).filter((other) => other['type'] !== type);
  const added = { type, status: 'True', lastProbeTime: null, lastTransitionTime: now, ...why };
  return { ...pod, status: { ...pod.status, conditions: [...present, added] } };
}

/** The Pod bound to a node, as a scheduler does it (wire recording pod-watch). */
export function bindPod(pod: ApiObject, nodeName: string, now: string): ApiObject {
  return withCondition({ ...pod, spec: { ...pod.spec, nodeName } }, { type: 'PodScheduled' }, now);
}

function gracePeriodSeconds(pod: ApiObject, requested: number | undefined): number {
  const spec = objectOf(pod.spec);
  const own = spec['terminationGracePeriodSeconds'];
  const period = requested ?? (typeof own === 'number' ? own : 0);
  const phase = objectOf(pod.status)['phase'];
  // Nobody would confirm the end of a Pod that never ran or runs no more (fact 21).
  const nobodyToWaitFor = !spec['nodeName'] || phase === 'Failed' || phase === 'Succeeded';
  if (nobodyToWaitFor) return 0;
  return period < 0 ? 1 : period;
}

/** The rules of Pods. */
export const podStrategy: Strategy = {
  nameRule: 'subdomain',
  createsOnUpdate: false,
  overwritesUnconditionally: true,
  returnsDeletedObject: true,
  prepareForCreate,
  prepareForUpdate,
  validate,
  validateUpdate,
  gracePeriodSeconds,
};

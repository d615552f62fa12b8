/**
 * Pods: the defaults of a new Pod, the permitted changes, and the grace period of its deletion. There is no scheduler and
 * no kubelet: a Pod is bound if it was created with a node, or by a request for a binding.
 */

import { type ApiObject, isJsonObject, type JsonObject, sameJson } from '../objects/api-object.ts';
import { validatePod, validatePodUpdate } from './pod-validation.ts';
import type { Strategy } from './strategy.ts';

/** The grace period of a Pod without `spec.terminationGracePeriodSeconds`, in seconds (wire recording pod-crud). */
const DEFAULT_GRACE_PERIOD_SECONDS = 30;

/** A negative grace period is stored as one second (the documentation of the field: negative values are treated as 1). */
const LEAST_GRACE_PERIOD_SECONDS = 1;

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
    ...(Array.isArray(container['ports']) ? { ports: listOf(container['ports']).map(withProtocol) } : {}),
    resources: withRequests(objectOf(container['resources'])),
    terminationMessagePath: container['terminationMessagePath'] ?? '/dev/termination-log',
    terminationMessagePolicy: container['terminationMessagePolicy'] ?? 'File',
    imagePullPolicy: container['imagePullPolicy'] ?? (tag === 'latest' ? 'Always' : 'IfNotPresent'),
  };
}

/** A resource with a limit but without a request gets the limit as its request. */
function withRequests(resources: JsonObject): JsonObject {
  if (!isJsonObject(resources['limits'])) return resources;
  return { ...resources, requests: { ...resources['limits'], ...objectOf(resources['requests']) } };
}

function withProtocol(port: JsonObject): JsonObject {
  return { ...port, protocol: port['protocol'] ?? 'TCP' };
}

/** The spec with the defaults of a real server without the ServiceAccount admission plugin (wire recording pod-crud). */
function specWithDefaults(given: JsonObject): JsonObject {
  const serviceAccount = given['serviceAccountName'] ?? given['serviceAccount'];
  const { containers, serviceAccount: _deprecated, ...rest } = given;
  const grace = rest['terminationGracePeriodSeconds'];
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
    ...(typeof grace === 'number' && grace < 0 ? { terminationGracePeriodSeconds: LEAST_GRACE_PERIOD_SECONDS } : {}),
  };
}

function prepareForCreate(pod: ApiObject): ApiObject {
  const spec = specWithDefaults(objectOf(pod.spec));
  const status = { phase: 'Pending', qosClass: qosClassOf(listOf(spec['containers'])) };
  return { ...pod, metadata: { ...pod.metadata, generation: 1 }, spec, status };
}

/** The quality-of-service class: guaranteed when each container has the same limits as requests for both resources. */
function qosClassOf(containers: readonly JsonObject[]): string {
  const resources = containers.map((container) => objectOf(container['resources']));
  const requested = resources.map(({ requests, limits }) => [objectOf(requests), objectOf(limits)] as const);
  if (requested.every((maps) => maps.every((map) => QOS_RESOURCES.every((name) => map[name] === undefined)))) {
    return 'BestEffort';
  }
  const guaranteed = requested.every(([requests, limits]) =>
    QOS_RESOURCES.every((name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name]),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const QOS_RESOURCES: readonly string[] = ['cpu', 'memory'];

function prepareForUpdate(next: ApiObject, current: ApiObject, subresource: string): ApiObject {
  if (subresource === 'status') {
    const { metadata, ...rest } = current;
    // A request can write the status together with metadata, but not the spec, a deletion or owners.
    const { deletionTimestamp: _time, ownerReferences: _owners, ...sent } = next.metadata;
    const kept = { ...sent, ...(metadata.ownerReferences ? { ownerReferences: metadata.ownerReferences } : {}) };
    const status = { ...objectOf(next.status) };
    status['qosClass'] ??= objectOf(current.status)['qosClass'];
    return { ...rest, metadata: { ...kept, generation: metadata.generation ?? 1 }, status: orderStatus(status) };
  }
  const spec = specWithDefaults(objectOf(next.spec));
  const changed = !sameJson(spec, current.spec);
  const generation = (current.metadata.generation ?? 1) + (changed ? 1 : 0);
  return { ...next, metadata: { ...next.metadata, generation }, spec, status: current.status ?? {} };
}

/** The status as Go writes it: fields without `omitempty` are present, and missing times are null. */
function orderStatus(status: JsonObject): JsonObject {
  const ordered: JsonObject = { ...status, ...podAddresses(status) };
  if (Array.isArray(status['conditions'])) {
    ordered['conditions'] = status['conditions'].map((condition: unknown) => {
      const { type, status: state, ...rest } = objectOf(condition);
      return { type, status: state, lastProbeTime: null, lastTransitionTime: null, ...rest };
    });
  }
  for (const field of CONTAINER_STATUSES) {
    const containers = status[field];
    if (Array.isArray(containers)) ordered[field] = containers.map((container) => wholeContainer(objectOf(container)));
  }
  return ordered;
}

const CONTAINER_STATUSES: readonly string[] = [
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
];

/** Fields of a container's state that Go always writes (kubernetes: api/core/v1/types.go, ContainerState). */
const CONTAINER_STATE_DEFAULTS: readonly (readonly [state: string, defaults: JsonObject])[] = [
  ['running', { startedAt: null }],
  ['terminated', { exitCode: 0, startedAt: null, finishedAt: null }],
];

/** Fields of a container's status that Go always writes (kubernetes: api/core/v1/types.go, ContainerStatus). */
function wholeContainer(container: JsonObject): JsonObject {
  return {
    ...{ name: '', ready: false, restartCount: 0, image: '', imageID: '' },
    ...container,
    state: wholeState(objectOf(container['state'])),
    lastState: wholeState(objectOf(container['lastState'])),
  };
}

function wholeState(state: JsonObject): JsonObject {
  const whole = { ...state };
  for (const [name, defaults] of CONTAINER_STATE_DEFAULTS) {
    if (isJsonObject(state[name])) whole[name] = { ...defaults, ...state[name] };
  }
  return whole;
}

/**
 * One address in two fields. If both are given and differ, the older `podIP` is used. Otherwise each fills the other
 * (kubernetes: pkg/apis/core/v1/conversion.go, PodStatus).
 */
function podAddresses({ podIP, podIPs }: JsonObject): JsonObject {
  const [first] = listOf(podIPs);
  if (typeof podIP === 'string' && podIP !== '') return first?.['ip'] === podIP ? {} : { podIPs: [{ ip: podIP }] };
  return first === undefined ? {} : { podIP: first['ip'] };
}

/** A condition of a Pod that is true from now on; if it was true before, its transition time stays. */
export function withCondition(
  pod: ApiObject,
  condition: { readonly type: string; readonly reason?: string; readonly message?: string },
  now: string,
): ApiObject {
  const { type, ...why } = condition;
  const conditions = listOf(pod.status?.['conditions']);
  const before = conditions.find((other) => other['type'] === type);
  const since = before?.['status'] === 'True' ? (before['lastTransitionTime'] ?? now) : now;
  const added = { type, status: 'True', lastProbeTime: null, lastTransitionTime: since, ...why };
  const next =
    before === undefined ? [...conditions, added] : conditions.map((other) => (other === before ? added : other));
  return { ...pod, status: { ...pod.status, conditions: next } };
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
  // No kubelet would confirm the end of a Pod that never ran or has stopped (fact 21).
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
  validate: validatePod,
  validateUpdate: (next, current, subresource) => (subresource === '' ? validatePodUpdate(next, current) : []),
  gracePeriodSeconds,
};

/**
 * The columns of each kind that `kubectl get` shows, and how their cells are read from an object, as in
 * Kubernetes' printers (wire recording list-table).
 */

import { type ApiObject, isJsonObject, type JsonObject } from '../objects/api-object.ts';
import { timeMs } from '../objects/go-time.ts';
import { EVENTS, EVENTS_V1, LEASES, NAMESPACES, PODS, type ResourceKind } from '../objects/resources.ts';

/** A column and how its cell is read from an object. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  readonly cell: (object: ApiObject, nowMs: number) => unknown;
}

const NAME_DESCRIPTION =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a ' +
  'client to request the generation of an appropriate name automatically. Name is primarily intended for creation ' +
  'idempotence and configuration definition. Cannot be updated. More info: ' +
  'https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';
const CREATED_DESCRIPTION =
  'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed ' +
  'to be set in happens-before order across separate operations. Clients may not set this value. It is represented in ' +
  'RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: ' +
  'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata';

const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: NAME_DESCRIPTION,
  priority: 0,
  cell: (object) => object.metadata.name,
};
const AGE: Column = {
  name: 'Age',
  type: 'string',
  format: '',
  description: CREATED_DESCRIPTION,
  priority: 0,
  cell: (object, nowMs) => formatAge(nowMs - timeMs(object.metadata.creationTimestamp)),
};
const CREATED_AT: Column = {
  name: 'Created At',
  type: 'date',
  format: '',
  description: CREATED_DESCRIPTION,
  priority: 0,
  cell: (object) => object.metadata.creationTimestamp,
};

function specField(field: string): (object: ApiObject) => unknown {
  return (object) => object.spec?.[field] ?? '';
}

function column(name: string, cell: Column['cell'], description: string, priority = 0, type = 'string'): Column {
  return { name, type, format: '', description, priority, cell };
}

function podColumns(): readonly Column[] {
  return [
    NAME,
    column('Ready', podReady, 'The aggregate readiness state of this pod for accepting traffic.'),
    column('Status', podStatus, 'The aggregate status of the containers in this pod.'),
    column(
      'Restarts',
      podRestarts,
      'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
    ),
    AGE,
    column(
      'IP',
      (pod) => textOr(pod.status?.['podIP']),
      'podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.',
      1,
    ),
    column(
      'Node',
      (pod) => textOr(pod.spec?.['nodeName']),
      'NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename',
      1,
    ),
    column(
      'Nominated Node',
      (pod) => textOr(pod.status?.['nominatedNodeName']),
      'nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.',
      1,
    ),
    column(
      'Readiness Gates',
      podGates,
      'If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to "True" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates',
      1,
    ),
  ];
}

function textOr(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '<none>';
}

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function containerStatuses(pod: ApiObject): readonly JsonObject[] {
  return listOf(pod.status?.['containerStatuses']);
}

function isRunning(status: JsonObject): boolean {
  return status['ready'] === true && isJsonObject(objectOf(status['state'])['running']);
}

function podReady(pod: ApiObject): string {
  return `${containerStatuses(pod).filter(isRunning).length}/${listOf(pod.spec?.['containers']).length}`;
}

/** The reason why a container does not run; undefined when it runs, or reports none. */
function reasonOf(status: JsonObject): string | undefined {
  const state = objectOf(status['state']);
  const waiting = objectOf(state['waiting'])['reason'];
  if (typeof waiting === 'string' && waiting !== '') return waiting;
  if (!isJsonObject(state['terminated'])) return undefined;
  const { reason, signal, exitCode } = state['terminated'];
  if (typeof reason === 'string' && reason !== '') return reason;
  return typeof signal === 'number' && signal !== 0 ? `Signal:${signal}` : `ExitCode:${Number(exitCode ?? 0)}`;
}

function podStatus(pod: ApiObject): string {
  const { reason, phase } = pod.status ?? {};
  const isOver = phase === 'Succeeded' || phase === 'Failed';
  if (pod.metadata.deletionTimestamp !== undefined && reason === 'NodeLost') return 'Unknown';
  if (pod.metadata.deletionTimestamp !== undefined && !isOver) return 'Terminating';
  const statuses = containerStatuses(pod);
  // Kubernetes' printer reads the containers in reverse order, so the reason of the first container counts.
  const said = statuses.map(reasonOf).find((text) => text !== undefined);
  const own = typeof reason === 'string' && reason !== '' ? reason : String(phase ?? '');
  if ((said ?? own) !== 'Completed' || !statuses.some(isRunning)) return said ?? own;
  const conditions = listOf(pod.status?.['conditions']);
  const ready = conditions.some((condition) => condition['type'] === 'Ready' && condition['status'] === 'True');
  return ready ? 'Running' : 'NotReady';
}

function podRestarts(pod: ApiObject, nowMs: number): string {
  const statuses = containerStatuses(pod);
  const restarts = statuses.reduce((sum, status) => sum + Number(status['restartCount'] ?? 0), 0);
  const ends = statuses.map((status) => objectOf(objectOf(status['lastState'])['terminated'])['finishedAt']);
  const last = Math.max(...ends.map((end) => (typeof end === 'string' ? timeMs(end) : 0)));
  return restarts === 0 || last <= 0 ? String(restarts) : `${restarts} (${formatAge(nowMs - last)} ago)`;
}

function podGates(pod: ApiObject): string {
  const gates = listOf(pod.spec?.['readinessGates']);
  if (gates.length === 0) return '<none>';
  const conditions = listOf(pod.status?.['conditions']);
  const open = gates.filter((gate) =>
    conditions.some(({ type, status }) => type === gate['conditionType'] && status === 'True'),
  );
  return `${open.length}/${gates.length}`;
}

function eventColumns(): readonly Column[] {
  return [
    column('Last Seen', (event, nowMs) => since(lastSeen(event), nowMs), LAST_SEEN),
    column('Type', textOf('type'), 'Type of this event (Normal, Warning), new types could be added in the future'),
    column(
      'Reason',
      textOf('reason'),
      "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
    ),
    column('Object', eventObject, 'The object that this event is about.'),
    column('Subobject', (event) => objectOf(event['involvedObject'])['fieldPath'] ?? '', SUBOBJECT, 1),
    column(
      'Source',
      eventSource,
      'The component reporting this event. Should be a short machine understandable string.',
      1,
    ),
    column(
      'Message',
      (event) => String(event['message'] ?? '').trim(),
      'A human-readable description of the status of this operation.',
    ),
    column('First Seen', (event, nowMs) => since(firstSeen(event), nowMs), FIRST_SEEN, 1),
    column('Count', eventCount, 'The number of times this event has occurred.', 1, 'integer'),
    { ...NAME, priority: 1 },
  ];
}

const LAST_SEEN = 'The time at which the most recent occurrence of this event was recorded.';
const FIRST_SEEN = 'The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)';
const SUBOBJECT =
  'If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field ' +
  'access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container ' +
  'within a pod, this would take on a value like: "spec.containers{name}" (where "name" refers to the name of the ' +
  'container that triggered the event) or if no container name is specified "spec.containers[2]" (container with index 2 ' +
  'in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.';

function textOf(field: string): (object: ApiObject) => string {
  return (object) => String(object[field] ?? '');
}

function since(time: unknown, nowMs: number): string {
  return typeof time === 'string' && time !== '' ? formatAge(nowMs - timeMs(time)) : '<unknown>';
}

function firstSeen(event: ApiObject): unknown {
  return event['firstTimestamp'] ?? event['eventTime'];
}

function lastSeen(event: ApiObject): unknown {
  return isJsonObject(event['series'])
    ? event['series']['lastObservedTime']
    : (event['lastTimestamp'] ?? firstSeen(event));
}

function eventObject(event: ApiObject): string {
  const { kind, name } = objectOf(event['involvedObject']);
  const lower = String(kind ?? '').toLowerCase();
  return typeof name === 'string' && name !== '' ? `${lower}/${name}` : lower;
}

function eventSource(event: ApiObject): string {
  const { component, host } = objectOf(event['source']);
  const parts = [component || event['reportingComponent'], host || event['reportingInstance']];
  return parts.filter((part) => typeof part === 'string' && part !== '').join(', ');
}

function eventCount(event: ApiObject): unknown {
  return objectOf(event['series'])['count'] ?? (event['count'] || 1);
}

const COLUMNS = new Map<ResourceKind, readonly Column[]>([
  [
    LEASES,
    [
      NAME,
      {
        name: 'Holder',
        type: 'string',
        format: '',
        description:
          'holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is ' +
          'used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.',
        priority: 0,
        cell: specField('holderIdentity'),
      },
      AGE,
    ],
  ],
  [PODS, podColumns()],
  [EVENTS, eventColumns()],
  [EVENTS_V1, eventColumns()],
  [
    NAMESPACES,
    [
      NAME,
      {
        name: 'Status',
        type: 'string',
        format: '',
        description: 'The status of the namespace',
        priority: 0,
        cell: (namespace) => String(namespace.status?.['phase'] ?? ''),
      },
      AGE,
    ],
  ],
]);

/** The columns of a kind. */
export function columnsOf(kind: ResourceKind): readonly Column[] {
  return COLUMNS.get(kind) ?? [NAME, CREATED_AT];
}

/** A duration as kubectl shows it: `5s`, `3m`, `2h`, `4d`. */
export function formatAge(ageMs: number): string {
  const seconds = Math.floor(ageMs / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 60 * 2) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 60 * 3) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  const years = Math.floor(days / 365);
  if (years < 2) return `${days}d`;
  return years < 8 && days % 365 !== 0 ? `${years}y${days % 365}d` : `${years}y`;
}

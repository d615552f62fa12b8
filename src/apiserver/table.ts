/**
 * Tables: the columns `kubectl get` shows, made by the server (wire recording list-table).
 */

import { type ApiObject, isJsonObject, type JsonObject, partialObject } from './api-object.ts';
import { timeMs } from './go-time.ts';
import type { ListMeta, Representation } from './representation.ts';
import { LEASES, NAMESPACES, PODS, type ResourceKind } from './resources.ts';

/** A column and how its cell is read from an object. */
interface Column {
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

function podColumns(): readonly Column[] {
  const column = (name: string, cell: Column['cell'], description: string, priority = 0, type = 'string'): Column => ({
    name,
    type,
    format: '',
    description,
    priority,
    cell,
  });
  return [
    NAME,
    column('Ready', podReady, 'The aggregate readiness state of this pod for accepting traffic.'),
    column('Status', podPhase, 'The aggregate status of the containers in this pod.'),
    column(
      'Restarts',
      () => '0',
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
      () => '<none>',
      'If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to "True" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates',
      1,
    ),
  ];
}

function textOr(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '<none>';
}

function listLength(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function podReady(pod: ApiObject): string {
  const statuses = Array.isArray(pod.status?.['containerStatuses']) ? pod.status['containerStatuses'] : [];
  const ready = statuses.filter((status: unknown) => isJsonObject(status) && status['ready'] === true).length;
  return `${ready}/${listLength(pod.spec?.['containers'])}`;
}

function podPhase(pod: ApiObject): string {
  const { reason, phase } = pod.status ?? {};
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return typeof reason === 'string' && reason !== '' ? reason : String(phase ?? '');
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
  return days < 365 * 2 ? `${days}d` : `${Math.floor(days / 365)}y`;
}

/** A table of objects; what a row carries of its object is asked for with includeObject. */
export function tableOf(
  kind: ResourceKind,
  objects: readonly ApiObject[],
  representation: Representation,
  nowMs: number,
  meta: ListMeta,
): Readonly<JsonObject> {
  const columns = COLUMNS.get(kind) ?? [NAME, CREATED_AT];
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${representation.metaVersion}`,
    metadata: meta,
    columnDefinitions: columns.map(({ cell: _cell, ...definition }) => definition),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, nowMs)),
      ...rowObject(object, representation),
    })),
  };
}

function rowObject(object: ApiObject, representation: Representation): Readonly<JsonObject> {
  switch (representation.includeObject) {
    case 'None':
      return { object: null };
    case 'Object':
      return { object };
    case 'Metadata':
      return { object: partialObject(object, representation.metaVersion) };
  }
}

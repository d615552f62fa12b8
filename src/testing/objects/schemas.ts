/**
 * The fields of each kind and their Go types, against which the decoder checks bodies. Only the fields that an election uses
 * are listed. A value of the type `any` is accepted as it is.
 */

import {
  DEPLOYMENTS,
  EVENTS,
  EVENTS_V1,
  LEASES,
  NETWORK_POLICIES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  type ResourceKind,
  SERVICE_ACCOUNTS,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
} from './resources.ts';

/** The type of a field. `omitEmpty` is a Go string that is left out when it is empty. */
export type FieldType =
  | 'any'
  | 'string'
  | 'omitEmpty'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'time'
  | 'microTime'
  | 'stringMap'
  | ListType
  | StructType;

/** A list. */
export interface ListType {
  readonly items: FieldType;
}

/** A struct. `goName` is its name with its package; some messages leave the package out. */
export interface StructType {
  readonly goName: string;
  readonly fields: Readonly<Record<string, FieldType>>;
}

const OWNER_REFERENCE: StructType = {
  goName: 'v1.OwnerReference',
  fields: {
    apiVersion: 'string',
    kind: 'string',
    name: 'string',
    uid: 'string',
    controller: 'bool',
    blockOwnerDeletion: 'bool',
  },
};

/** ObjectMeta, with the fields that are read and then dropped. */
export const OBJECT_META: StructType = {
  goName: 'v1.ObjectMeta',
  fields: {
    name: 'omitEmpty',
    generateName: 'omitEmpty',
    namespace: 'omitEmpty',
    selfLink: 'omitEmpty',
    uid: 'omitEmpty',
    resourceVersion: 'omitEmpty',
    generation: 'int64',
    creationTimestamp: 'time',
    deletionTimestamp: 'time',
    deletionGracePeriodSeconds: 'int64',
    labels: 'stringMap',
    annotations: 'stringMap',
    ownerReferences: { items: OWNER_REFERENCE },
    finalizers: { items: 'string' },
    managedFields: 'any',
  },
};

const LEASE_SPEC: StructType = {
  goName: 'v1.LeaseSpec',
  fields: {
    holderIdentity: 'string',
    leaseDurationSeconds: 'int32',
    acquireTime: 'microTime',
    renewTime: 'microTime',
    leaseTransitions: 'int32',
    strategy: 'string',
    preferredHolder: 'string',
  },
};

const CONTAINER_PORT: StructType = {
  goName: 'v1.ContainerPort',
  fields: { name: 'omitEmpty', hostPort: 'int32', containerPort: 'int32', protocol: 'omitEmpty', hostIP: 'omitEmpty' },
};

const CONTAINER: StructType = {
  goName: 'v1.Container',
  fields: {
    name: 'string',
    image: 'omitEmpty',
    command: { items: 'string' },
    args: { items: 'string' },
    workingDir: 'omitEmpty',
    ports: { items: CONTAINER_PORT },
    envFrom: 'any',
    env: 'any',
    resources: 'any',
    resizePolicy: 'any',
    restartPolicy: 'omitEmpty',
    restartPolicyRules: 'any',
    volumeMounts: 'any',
    volumeDevices: 'any',
    livenessProbe: 'any',
    readinessProbe: 'any',
    startupProbe: 'any',
    lifecycle: 'any',
    terminationMessagePath: 'omitEmpty',
    terminationMessagePolicy: 'omitEmpty',
    imagePullPolicy: 'omitEmpty',
    securityContext: 'any',
    stdin: 'bool',
    stdinOnce: 'bool',
    tty: 'bool',
  },
};

/** An election reads few of these fields, so most are accepted as they are. */
const POD_SPEC: StructType = {
  goName: 'v1.PodSpec',
  fields: {
    volumes: 'any',
    initContainers: { items: CONTAINER },
    containers: { items: CONTAINER },
    ephemeralContainers: 'any',
    restartPolicy: 'omitEmpty',
    terminationGracePeriodSeconds: 'int64',
    activeDeadlineSeconds: 'int64',
    dnsPolicy: 'omitEmpty',
    nodeSelector: 'stringMap',
    serviceAccountName: 'omitEmpty',
    serviceAccount: 'omitEmpty',
    automountServiceAccountToken: 'bool',
    nodeName: 'omitEmpty',
    hostNetwork: 'bool',
    hostPID: 'bool',
    hostIPC: 'bool',
    shareProcessNamespace: 'bool',
    securityContext: 'any',
    imagePullSecrets: 'any',
    hostname: 'omitEmpty',
    subdomain: 'omitEmpty',
    affinity: 'any',
    schedulerName: 'omitEmpty',
    tolerations: 'any',
    hostAliases: 'any',
    priorityClassName: 'omitEmpty',
    priority: 'int32',
    dnsConfig: 'any',
    readinessGates: 'any',
    runtimeClassName: 'string',
    enableServiceLinks: 'bool',
    preemptionPolicy: 'string',
    overhead: 'any',
    topologySpreadConstraints: 'any',
    setHostnameAsFQDN: 'bool',
    os: 'any',
    hostUsers: 'bool',
    schedulingGates: 'any',
    resourceClaims: 'any',
    resources: 'any',
    hostnameOverride: 'string',
  },
};

/** A reference to another object. */
export const OBJECT_REFERENCE: StructType = {
  goName: 'v1.ObjectReference',
  fields: {
    kind: 'omitEmpty',
    namespace: 'omitEmpty',
    name: 'omitEmpty',
    uid: 'omitEmpty',
    apiVersion: 'omitEmpty',
    resourceVersion: 'omitEmpty',
    fieldPath: 'omitEmpty',
  },
};

const EVENT_SOURCE: StructType = { goName: 'v1.EventSource', fields: { component: 'omitEmpty', host: 'omitEmpty' } };

const EVENT_SERIES: StructType = {
  goName: 'v1.EventSeries',
  fields: { count: 'int32', lastObservedTime: 'microTime' },
};

function objectSchema(goName: string, fields: Readonly<Record<string, FieldType>>): StructType {
  return { goName, fields: { kind: 'omitEmpty', apiVersion: 'omitEmpty', metadata: OBJECT_META, ...fields } };
}

const LEASE = objectSchema('v1.Lease', { spec: LEASE_SPEC });

const POD = objectSchema('v1.Pod', { spec: POD_SPEC, status: 'any' });

const CORE_EVENT = objectSchema('v1.Event', {
  involvedObject: OBJECT_REFERENCE,
  reason: 'omitEmpty',
  message: 'omitEmpty',
  source: EVENT_SOURCE,
  firstTimestamp: 'time',
  lastTimestamp: 'time',
  count: 'int32',
  type: 'omitEmpty',
  eventTime: 'microTime',
  series: EVENT_SERIES,
  action: 'omitEmpty',
  related: OBJECT_REFERENCE,
  reportingComponent: 'string',
  reportingInstance: 'string',
});

const EVENT_V1 = objectSchema('v1.Event', {
  eventTime: 'microTime',
  series: EVENT_SERIES,
  reportingController: 'omitEmpty',
  reportingInstance: 'omitEmpty',
  action: 'omitEmpty',
  reason: 'omitEmpty',
  regarding: OBJECT_REFERENCE,
  related: OBJECT_REFERENCE,
  note: 'omitEmpty',
  type: 'omitEmpty',
  deprecatedSource: EVENT_SOURCE,
  deprecatedFirstTimestamp: 'time',
  deprecatedLastTimestamp: 'time',
  deprecatedCount: 'int32',
});

const SERVICE_ACCOUNT = objectSchema('v1.ServiceAccount', {
  secrets: 'any',
  imagePullSecrets: 'any',
  automountServiceAccountToken: 'bool',
});

/** A struct of a spec that is checked by the names of its fields alone. */
function specSchema(goName: string, fields: Readonly<Record<string, FieldType>>): StructType {
  return objectSchema(`v1.${goName}`, { spec: { goName: `v1.${goName}Spec`, fields }, status: 'any' });
}

const LABEL_SELECTOR: StructType = {
  goName: 'v1.LabelSelector',
  fields: { matchLabels: 'stringMap', matchExpressions: 'any' },
};

const DEPLOYMENT = specSchema('Deployment', {
  replicas: 'int32',
  selector: LABEL_SELECTOR,
  template: { goName: 'v1.PodTemplateSpec', fields: { metadata: OBJECT_META, spec: POD_SPEC } },
  strategy: 'any',
  minReadySeconds: 'int32',
  revisionHistoryLimit: 'int32',
  paused: 'bool',
  progressDeadlineSeconds: 'int32',
});

const NETWORK_POLICY_PORTS: ListType = {
  items: { goName: 'v1.NetworkPolicyPort', fields: { protocol: 'string', port: 'any', endPort: 'int32' } },
};

const NETWORK_POLICY_PEERS: ListType = {
  items: {
    goName: 'v1.NetworkPolicyPeer',
    fields: { podSelector: LABEL_SELECTOR, namespaceSelector: LABEL_SELECTOR, ipBlock: 'any' },
  },
};

const NETWORK_POLICY = specSchema('NetworkPolicy', {
  podSelector: LABEL_SELECTOR,
  ingress: {
    items: {
      goName: 'v1.NetworkPolicyIngressRule',
      fields: { ports: NETWORK_POLICY_PORTS, from: NETWORK_POLICY_PEERS },
    },
  },
  egress: {
    items: {
      goName: 'v1.NetworkPolicyEgressRule',
      fields: { ports: NETWORK_POLICY_PORTS, to: NETWORK_POLICY_PEERS },
    },
  },
  policyTypes: { items: 'string' },
});

const POD_DISRUPTION_BUDGET = specSchema('PodDisruptionBudget', {
  minAvailable: 'any',
  selector: LABEL_SELECTOR,
  maxUnavailable: 'any',
  unhealthyPodEvictionPolicy: 'string',
});

const MATCH_RESOURCES: StructType = {
  goName: 'v1.MatchResources',
  fields: {
    namespaceSelector: LABEL_SELECTOR,
    objectSelector: LABEL_SELECTOR,
    resourceRules: 'any',
    excludeResourceRules: 'any',
    matchPolicy: 'string',
  },
};

const VALIDATING_ADMISSION_POLICY = specSchema('ValidatingAdmissionPolicy', {
  paramKind: 'any',
  matchConstraints: MATCH_RESOURCES,
  validations: {
    items: {
      goName: 'v1.Validation',
      fields: { expression: 'string', message: 'omitEmpty', reason: 'string', messageExpression: 'omitEmpty' },
    },
  },
  failurePolicy: 'string',
  auditAnnotations: 'any',
  matchConditions: {
    items: { goName: 'v1.MatchCondition', fields: { name: 'string', expression: 'string' } },
  },
  variables: { items: { goName: 'v1.Variable', fields: { name: 'string', expression: 'string' } } },
});

const VALIDATING_ADMISSION_POLICY_BINDING = specSchema('ValidatingAdmissionPolicyBinding', {
  policyName: 'omitEmpty',
  paramRef: 'any',
  matchResources: MATCH_RESOURCES,
  validationActions: { items: 'string' },
});

const SCHEMAS = new Map<ResourceKind, StructType>([
  [LEASES, LEASE],
  [PODS, POD],
  [EVENTS, CORE_EVENT],
  [EVENTS_V1, EVENT_V1],
  [SERVICE_ACCOUNTS, SERVICE_ACCOUNT],
  [DEPLOYMENTS, DEPLOYMENT],
  [NETWORK_POLICIES, NETWORK_POLICY],
  [POD_DISRUPTION_BUDGETS, POD_DISRUPTION_BUDGET],
  [VALIDATING_ADMISSION_POLICIES, VALIDATING_ADMISSION_POLICY],
  [VALIDATING_ADMISSION_POLICY_BINDINGS, VALIDATING_ADMISSION_POLICY_BINDING],
]);

const LOOSE = {
  spec: 'any',
  status: 'any',
  rules: 'any',
  aggregationRule: 'any',
  subjects: 'any',
  roleRef: 'any',
} as const;

/** The schema of a kind. */
export function schemaOf(kind: ResourceKind): StructType {
  return SCHEMAS.get(kind) ?? objectSchema(`${kind.version}.${kind.kind}`, LOOSE);
}

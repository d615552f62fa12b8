/**
 * The behavior of each kind on create, replace and delete: Kubernetes calls it a strategy. The steps that are
 * the same for all kinds are in registry.ts.
 */

import { type ApiObject, isJsonObject, normalizeMetadata } from '../objects/api-object.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  EVENTS,
  EVENTS_V1,
  LEASES,
  NAMESPACES,
  NODES,
  PODS,
  type ResourceKind,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
} from '../objects/resources.ts';
import { validateCoreEvent, validateEventV1, validateEventV1Update, withEventDefaults } from './event-strategy.ts';
import { podStrategy } from './pod-strategy.ts';
import type { Strategy } from './strategy.ts';
import { nameRuleOf, validateLease, validateRoleRefUpdate } from './validation.ts';

/** The strategy of a kind without special rules. */
function plainStrategy(kind: ResourceKind): Strategy {
  return {
    nameRule: nameRuleOf(kind),
    createsOnUpdate: false,
    overwritesUnconditionally: true,
    returnsDeletedObject: false,
    prepareForCreate: (object) => object,
    prepareForUpdate: (next) => next,
    validate: () => [],
    validateUpdate: () => [],
    gracePeriodSeconds: () => undefined,
  };
}

const leaseStrategy: Strategy = {
  ...plainStrategy(LEASES),
  createsOnUpdate: true,
  overwritesUnconditionally: false,
  prepareForCreate: withSpec,
  prepareForUpdate: withSpec,
  validate: validateLease,
  validateUpdate: validateLease,
};

/** A Lease without a spec gets an empty one (wire recording lease-minimal); all fields except spec and metadata are dropped. */
function withSpec(lease: ApiObject): ApiObject {
  const spec = { ...(isJsonObject(lease.spec) ? lease.spec : {}) };
  // These fields of coordinated leader election are alpha. A server with the default feature gates drops them.
  delete spec['strategy'];
  delete spec['preferredHolder'];
  return { kind: lease.kind, apiVersion: lease.apiVersion, metadata: lease.metadata, spec };
}

/** The finalizer in the spec of every namespace. */
const NAMESPACE_FINALIZER = 'kubernetes';

const namespaceStrategy: Strategy = {
  ...plainStrategy(NAMESPACES),
  returnsDeletedObject: true,
  prepareForCreate: (namespace) => ({
    ...namespace,
    metadata: normalizeMetadata({
      ...namespace.metadata,
      labels: { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name },
    }),
    spec: { finalizers: [NAMESPACE_FINALIZER] },
    status: { phase: 'Active' },
  }),
  prepareForUpdate: (next, current) => ({ ...next, spec: current.spec ?? {}, status: current.status ?? {} }),
  terminating: (namespace) => ({ ...namespace, status: { ...namespace.status, phase: 'Terminating' } }),
};

/**
 * A replace keeps the status; a replace of the status keeps the spec (kubernetes, pkg/registry/core/node/strategy.go).
 */
const nodeStrategy: Strategy = {
  ...plainStrategy(NODES),
  prepareForUpdate: (next, current, subresource) =>
    subresource === 'status' ? { ...next, spec: current.spec ?? {} } : { ...next, status: current.status ?? {} },
};

function eventStrategy(
  kind: ResourceKind,
  validate: Strategy['validate'],
  validateUpdate: Strategy['validateUpdate'],
): Strategy {
  return {
    ...plainStrategy(kind),
    createsOnUpdate: true,
    prepareForCreate: withEventDefaults,
    prepareForUpdate: withEventDefaults,
    validate,
    validateUpdate,
  };
}

function bindingStrategy(kind: ResourceKind): Strategy {
  return { ...plainStrategy(kind), createsOnUpdate: true, validateUpdate: validateRoleRefUpdate };
}

const STRATEGIES = new Map<ResourceKind, Strategy>([
  [LEASES, leaseStrategy],
  [PODS, podStrategy],
  [NAMESPACES, namespaceStrategy],
  [NODES, nodeStrategy],
  [SERVICE_ACCOUNTS, { ...plainStrategy(SERVICE_ACCOUNTS), returnsDeletedObject: true }],
  [ROLES, { ...plainStrategy(ROLES), createsOnUpdate: true }],
  [CLUSTER_ROLES, { ...plainStrategy(CLUSTER_ROLES), createsOnUpdate: true }],
  [ROLE_BINDINGS, bindingStrategy(ROLE_BINDINGS)],
  [CLUSTER_ROLE_BINDINGS, bindingStrategy(CLUSTER_ROLE_BINDINGS)],
  [EVENTS, eventStrategy(EVENTS, validateCoreEvent, validateCoreEvent)],
  [EVENTS_V1, eventStrategy(EVENTS_V1, validateEventV1, validateEventV1Update)],
]);

/** The strategy of a kind. */
export function strategyOf(kind: ResourceKind): Strategy {
  let strategy = STRATEGIES.get(kind);
  if (strategy === undefined) {
    strategy = plainStrategy(kind);
    STRATEGIES.set(kind, strategy);
  }
  return strategy;
}

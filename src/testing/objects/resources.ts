/**
 * The table of the kinds that this server has: their names, and the verbs that it answers. The rules about their content are
 * in the strategies.
 */

/** A verb of the API, as RBAC rules spell it. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A kind of object, and the resource of its paths. */
export interface ResourceKind {
  /** The API group; empty for the core group. */
  readonly group: string;
  /** The version of the API group, such as `v1`. */
  readonly version: string;
  /** The name in the plural, as in paths. */
  readonly resource: string;
  /** The name in the singular, in lower case, as kubectl accepts it. */
  readonly singular: string;
  /** The kind of its objects, such as `Lease`. */
  readonly kind: string;
  /** The abbreviations that kubectl accepts, such as `po`. */
  readonly shortNames: readonly string[];
  /** The groups of resources that kubectl lists together, such as `all`. */
  readonly categories?: readonly string[];
  /** Whether its objects are in namespaces. */
  readonly namespaced: boolean;
  /** The verbs that the server answers. */
  readonly verbs: readonly Verb[];
  /** Subresources besides the object itself. */
  readonly subresources: readonly string[];
  /** The resource in whose store the objects are kept, when two groups serve the same objects. */
  readonly storedAs?: string;
}

const ALL_VERBS: readonly Verb[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

function core(
  kind: string,
  resource: string,
  shortNames: readonly string[],
  more: Partial<ResourceKind> = {},
): ResourceKind {
  return {
    group: '',
    version: 'v1',
    resource,
    singular: kind.toLowerCase(),
    kind,
    shortNames,
    namespaced: true,
    verbs: ALL_VERBS,
    subresources: [],
    ...more,
  };
}

/** Leases of coordination.k8s.io: the objects of an election. */
export const LEASES: ResourceKind = core('Lease', 'leases', [], { group: 'coordination.k8s.io' });

/** Pods: the owners of Leases. */
export const PODS: ResourceKind = core('Pod', 'pods', ['po'], {
  categories: ['all'],
  subresources: ['status', 'binding', 'eviction'],
});

/** Namespaces. */
export const NAMESPACES: ResourceKind = core('Namespace', 'namespaces', ['ns'], {
  namespaced: false,
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: ['status'],
});

/** Nodes. They are stored, and no kubelet updates them: a test writes their status. */
export const NODES: ResourceKind = core('Node', 'nodes', ['no'], { namespaced: false, subresources: ['status'] });

/** Service accounts: the users that tokens name. */
export const SERVICE_ACCOUNTS: ResourceKind = core('ServiceAccount', 'serviceaccounts', ['sa'], {
  subresources: ['token'],
});

/** Events of the core group. */
export const EVENTS: ResourceKind = core('Event', 'events', ['ev']);

/** The same events under their own group. */
export const EVENTS_V1: ResourceKind = core('Event', 'events', ['ev'], { group: 'events.k8s.io', storedAs: 'events' });

const RBAC = 'rbac.authorization.k8s.io';

/** Roles: rules inside a namespace. */
export const ROLES: ResourceKind = core('Role', 'roles', [], { group: RBAC });

/** Role bindings: the users of a role inside a namespace. */
export const ROLE_BINDINGS: ResourceKind = core('RoleBinding', 'rolebindings', [], { group: RBAC });

/** Cluster roles: rules for any namespace and for paths. */
export const CLUSTER_ROLES: ResourceKind = core('ClusterRole', 'clusterroles', [], { group: RBAC, namespaced: false });

/** Cluster role bindings: the users of a cluster role in all namespaces. */
export const CLUSTER_ROLE_BINDINGS: ResourceKind = core('ClusterRoleBinding', 'clusterrolebindings', [], {
  group: RBAC,
  namespaced: false,
});

/** Deployments. They are stored, and no controller creates Pods for them. */
export const DEPLOYMENTS: ResourceKind = core('Deployment', 'deployments', ['deploy'], {
  group: 'apps',
  categories: ['all'],
});

/** Network policies. They are stored, and nothing enforces them. */
export const NETWORK_POLICIES: ResourceKind = core('NetworkPolicy', 'networkpolicies', ['netpol'], {
  group: 'networking.k8s.io',
});

/** Budgets of disruptions. They are stored, and an eviction does not check them. */
export const POD_DISRUPTION_BUDGETS: ResourceKind = core('PodDisruptionBudget', 'poddisruptionbudgets', ['pdb'], {
  group: 'policy',
});

const ADMISSION = 'admissionregistration.k8s.io';

/** Admission policies in CEL. They are stored, and nothing evaluates them. */
export const VALIDATING_ADMISSION_POLICIES: ResourceKind = core(
  'ValidatingAdmissionPolicy',
  'validatingadmissionpolicies',
  [],
  { group: ADMISSION, namespaced: false, categories: ['api-extensions'] },
);

/** Bindings of admission policies. They are stored, and nothing evaluates them. */
export const VALIDATING_ADMISSION_POLICY_BINDINGS: ResourceKind = core(
  'ValidatingAdmissionPolicyBinding',
  'validatingadmissionpolicybindings',
  [],
  { group: ADMISSION, namespaced: false, categories: ['api-extensions'] },
);

/** All kinds that are stored, in the order in which discovery lists them. */
export const RESOURCE_KINDS: readonly ResourceKind[] = [
  EVENTS,
  NAMESPACES,
  NODES,
  PODS,
  SERVICE_ACCOUNTS,
  LEASES,
  EVENTS_V1,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  ROLE_BINDINGS,
  ROLES,
  DEPLOYMENTS,
  NETWORK_POLICIES,
  POD_DISRUPTION_BUDGETS,
  VALIDATING_ADMISSION_POLICIES,
  VALIDATING_ADMISSION_POLICY_BINDINGS,
];

/** A review: a request that is answered at once and never stored. */
export interface ReviewKind {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly kind: string;
}

/** Reviews of a token: the answer names its user. */
export const TOKEN_REVIEWS: ReviewKind = {
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'tokenreviews',
  kind: 'TokenReview',
};

/** Reviews of a permission of the sender. */
const SELF_SUBJECT_ACCESS_REVIEWS: ReviewKind = {
  group: 'authorization.k8s.io',
  version: 'v1',
  resource: 'selfsubjectaccessreviews',
  kind: 'SelfSubjectAccessReview',
};

/** All reviews. */
export const REVIEW_KINDS: readonly ReviewKind[] = [TOKEN_REVIEWS, SELF_SUBJECT_ACCESS_REVIEWS];

/** `v1`, or `coordination.k8s.io/v1`. */
export function apiVersionOf(kind: { readonly group: string; readonly version: string }): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
}

/** The key under which a kind's objects are kept. */
export function storageKeyOf(kind: ResourceKind): string {
  return kind.storedAs ?? (kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`);
}

const BY_PATH = new Map(RESOURCE_KINDS.map((kind) => [`${apiVersionOf(kind)}/${kind.resource}`, kind]));
const BY_KIND = new Map(RESOURCE_KINDS.map((kind) => [`${apiVersionOf(kind)}/${kind.kind}`, kind]));

/** The kind that is served as `resource` under an apiVersion. */
export function kindOfResource(apiVersion: string, resource: string): ResourceKind | undefined {
  return BY_PATH.get(`${apiVersion}/${resource}`);
}

/** The kind that an owner reference or a role reference names. */
export function kindOf(apiVersion: string, kind: string): ResourceKind | undefined {
  return BY_KIND.get(`${apiVersion}/${kind}`);
}

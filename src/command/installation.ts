/**
 * The objects that a cluster needs to run an application with an elector. They are the only source of the files in `deploy/`
 * and of the output of `lease-elector manifests`.
 */

import { writeYaml } from '../runtime/yaml-text.ts';
import { ELECTOR_RULES } from '../testing/index.ts';

/** The port of the endpoint with the probes and the metrics. */
export const ENDPOINT_PORT = 4040;
/**
 * The time from SIGTERM to SIGKILL, in seconds. `stop()` waits up to 20 s for the work (the default of
 * `drainTimeoutMs`). Releasing the Lease then takes at most 13 s, and the last labels and Events at most 2 s.
 */
export const TERMINATION_GRACE_PERIOD_SECONDS = 45;
/** The user and the group of the container: `nonroot` of the distroless images. */
const NON_ROOT_ID = 65_532;
const REPLICAS = 3;

/** The values that the manifests contain. */
export interface InstallationSettings {
  /** The name of the application: of its Deployment and its ServiceAccount, and the label of its Pods. */
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  /** The name of the Lease for which its Pods compete. By default it is the name of the application. */
  readonly lease: string;
}

/** One object of the cluster. */
export interface Manifest {
  /** The path in `deploy/`. */
  readonly file: string;
  /** The comment lines above the object. */
  readonly remarks: readonly string[];
  readonly object: Readonly<Record<string, unknown>>;
}

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

function labelsOf({ name }: InstallationSettings): Readonly<Record<string, string>> {
  return { 'app.kubernetes.io/name': name };
}

function metadataOf(settings: InstallationSettings, name: string = settings.name): Metadata {
  return { name, namespace: settings.namespace, labels: labelsOf(settings) };
}

/** The objects that every installation needs, in the order in which they are applied. */
export function installation(settings: InstallationSettings): readonly Manifest[] {
  return [
    serviceAccount(settings),
    role(settings),
    roleBinding(settings),
    networkPolicy(settings),
    podDisruptionBudget(settings),
    deployment(settings),
  ];
}

function serviceAccount(settings: InstallationSettings): Manifest {
  return {
    file: 'base/service-account.yaml',
    remarks: ['The identity of the Pods. Only a Pod that requests a token gets one.'],
    object: {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: metadataOf(settings),
      automountServiceAccountToken: false,
    },
  };
}

function roleNameOf({ name }: InstallationSettings): string {
  return `${name}-lease-elector`;
}

function role(settings: InstallationSettings): Manifest {
  return {
    file: 'base/role.yaml',
    remarks: ['The permissions that an elector needs.'],
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: metadataOf(settings, roleNameOf(settings)),
      rules: ELECTOR_RULES,
    },
  };
}

function roleBinding(settings: InstallationSettings): Manifest {
  const { name, namespace } = settings;
  return {
    file: 'base/role-binding.yaml',
    remarks: [],
    object: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: metadataOf(settings, roleNameOf(settings)),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: roleNameOf(settings) },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  };
}

function deployment(settings: InstallationSettings): Manifest {
  return {
    file: 'base/deployment.yaml',
    remarks: [
      'The probes need `endpoint: { host: "0.0.0.0" }` in the application. A Pod that does not lead is also ready.',
      'The grace period is longer than drainTimeoutMs (20 s) and the release of the Lease after it.',
    ],
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: metadataOf(settings),
      spec: {
        replicas: REPLICAS,
        selector: { matchLabels: labelsOf(settings) },
        template: { metadata: { labels: labelsOf(settings) }, spec: podSpec(settings) },
      },
    },
  };
}

function podSpec(settings: InstallationSettings): object {
  return {
    serviceAccountName: settings.name,
    automountServiceAccountToken: true,
    terminationGracePeriodSeconds: TERMINATION_GRACE_PERIOD_SECONDS,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: NON_ROOT_ID,
      runAsGroup: NON_ROOT_ID,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // Replicas are spread over nodes, because a lost node ends all its replicas.
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: labelsOf(settings) },
      },
    ],
    containers: [container(settings)],
  };
}

function container({ name, image, lease }: InstallationSettings): object {
  return {
    name: 'app',
    image,
    // The elector takes the name of its Lease from this variable, otherwise from the label of its Pod.
    ...(lease === name ? {} : { env: [{ name: 'NAIS_APP_NAME', value: lease }] }),
    ports: [{ name: 'elector', containerPort: ENDPOINT_PORT }],
    livenessProbe: { httpGet: { path: '/healthz', port: 'elector' }, periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { httpGet: { path: '/readyz', port: 'elector' }, periodSeconds: 5 },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
}

function networkPolicy(settings: InstallationSettings): Manifest {
  const tcp = (port: number | string): object => ({ protocol: 'TCP', port });
  return {
    file: 'base/network-policy.yaml',
    remarks: [
      'Allows only the traffic of the elector: incoming probes and metrics, outgoing DNS and requests to the API server.',
      'Policies add up. Allow the traffic of your application in a separate policy.',
      'The API server listens on 443 or 6443. If yours listens on another port, add it.',
    ],
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: metadataOf(settings, roleNameOf(settings)),
      spec: {
        podSelector: { matchLabels: labelsOf(settings) },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ ports: [tcp('elector')] }],
        egress: [{ ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] }, { ports: [tcp(443), tcp(6443)] }],
      },
    },
  };
}

function podDisruptionBudget(settings: InstallationSettings): Manifest {
  return {
    file: 'base/pod-disruption-budget.yaml',
    remarks: [
      'Permits the eviction of one Pod at a time, so that candidates remain. It never blocks the drain of a node for good.',
    ],
    object: {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: metadataOf(settings),
      spec: {
        maxUnavailable: 1,
        selector: { matchLabels: labelsOf(settings) },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
  };
}

const POD_UID = 'authentication.kubernetes.io/pod-uid';

/**
 * The admission policy that ties the owner of the Lease to the Pod of the token. No Pod of the application can then
 * make another Pod the leader. Both objects are cluster-wide, and need Kubernetes 1.30.
 */
export function admissionPolicy(settings: InstallationSettings): readonly Manifest[] {
  const { name, namespace, lease } = settings;
  const metadata = { name: `${name}.${namespace}.lease-elector`, labels: labelsOf(settings) };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const policy: Manifest = {
    file: 'admission-policy/policy.yaml',
    remarks: [
      `A service account writes the Lease ${lease} only in the name of the Pod that its token is bound to.`,
      'It does not govern people and kube-system, and it does not restrict deletion: a successor must delete the Lease.',
    ],
    object: {
      apiVersion,
      kind: 'ValidatingAdmissionPolicy',
      metadata,
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['coordination.k8s.io'],
              apiVersions: ['*'],
              operations: ['CREATE', 'UPDATE'],
              resources: ['leases'],
            },
          ],
        },
        matchConditions: [
          { name: 'lease', expression: `object.metadata.name == '${lease}'` },
          {
            name: 'service-account',
            expression:
              "request.userInfo.username.startsWith('system:serviceaccount:') && " +
              "!request.userInfo.username.startsWith('system:serviceaccount:kube-system:')",
          },
        ],
        variables: [
          {
            name: 'podUid',
            expression:
              `has(request.userInfo.extra) && '${POD_UID}' in request.userInfo.extra ? ` +
              `request.userInfo.extra['${POD_UID}'][0] : ''`,
          },
          {
            name: 'owners',
            expression: 'has(object.metadata.ownerReferences) ? object.metadata.ownerReferences : []',
          },
          {
            name: 'oldOwners',
            expression:
              'oldObject != null && has(oldObject.metadata.ownerReferences) ? oldObject.metadata.ownerReferences : []',
          },
        ],
        validations: [
          {
            expression: "variables.podUid != ''",
            message: 'The token is not bound to a Pod. Use the token that the kubelet mounts.',
          },
          {
            expression:
              "variables.owners.exists(owner, owner.kind == 'Pod' && owner.uid == variables.podUid) && " +
              "variables.owners.all(owner, owner.kind != 'Pod' || owner.uid == variables.podUid)",
            message: 'The owner of the Lease is not the Pod of the token.',
          },
          {
            expression: "variables.oldOwners.all(owner, owner.kind != 'Pod' || owner.uid == variables.podUid)",
            message: 'The Lease belongs to another Pod.',
          },
        ],
      },
    },
  };
  const binding: Manifest = {
    file: 'admission-policy/binding.yaml',
    remarks: [
      'Without this object the policy does nothing.',
      `It applies only in the namespace ${namespace}: the field namespace of a kustomization does not change this selector.`,
    ],
    object: {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: {
        policyName: metadata.name,
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
      },
    },
  };
  return [policy, binding];
}

/** One manifest as a YAML document, with its remarks above it. */
export function manifestText({ remarks, object }: Manifest): string {
  return [...remarks.map((remark) => `# ${remark}\n`), writeYaml(object)].join('');
}

/** Manifests as one YAML stream. */
export function manifestStream(manifests: readonly Manifest[]): string {
  return manifests.map(manifestText).join('---\n');
}

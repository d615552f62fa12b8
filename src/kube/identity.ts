/**
 * Determines the Pod of this process and the Lease of the election, from the token's claims, the environment, the
 * hostname and the Pod's labels.
 *
 * The caller passes all sources; `connect.ts` reads the files and the environment.
 */

import type { PodReference } from '../core/lease-record.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import type { Answer } from '../driver/ports.ts';
import { LeaseElectorError } from '../errors.ts';
import { isObject } from '../runtime/object-kind.ts';
import type { Environment } from './credentials.ts';
import { checkedName } from './object-name.ts';
import type { LabelledPod } from './pod-api.ts';
import { readClaims } from './token-claims.ts';

/** The Pod that the application configured. It takes precedence over all other sources. */
export interface PodOption {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
}

/** The sources of an identity. */
export interface IdentitySources {
  /** The option `pod`. */
  readonly pod?: PodOption;
  /** The option `lease`: the Lease's name. */
  readonly lease?: string;
  readonly environment: Environment;
  /** The bearer token of the requests; `null` if they have no such token. */
  readonly token: string | null;
  /** The namespace in the namespace file, or in the KubeConfig's context. */
  readonly defaultNamespace: () => string | null;
  readonly hostname: () => string;
  /** A consistent read of a Pod. Called at most once, and only when a value is missing or unproven. */
  readonly readPod: (namespace: string, name: string) => Promise<Answer<LabelledPod | null>>;
  /**
   * Whether a namespace exists; `null` when that is unknown. Called at most once, for the message about a Pod that does
   * not exist. Left out unless this process runs outside of Pods, on a developer's machine.
   */
  readonly namespaceExists?: (namespace: string) => Promise<boolean | null>;
}

/** The Pod of this process, and the Lease for which it campaigns. */
export interface Identity {
  readonly pod: PodReference;
  readonly namespace: string;
  /** The Lease's name. */
  readonly lease: string;
}

/** The fields of the claim `kubernetes.io` of a projected service account token (wire fact 30). */
export interface TokenClaims {
  readonly namespace: string;
  readonly pod: PodReference;
}

/**
 * Decodes a bound token's claims; `null` when it is not a JWT or not bound to a Pod.
 *
 * The signature is not verified: the API server does that with every request. A program that can replace the
 * token's file can run any code in this Pod anyway.
 */
export function decodeTokenClaims(token: string): TokenClaims | null {
  const kubernetes = readClaims(token)?.['kubernetes.io'];
  const pod = isObject(kubernetes) ? kubernetes['pod'] : null;
  if (!isObject(kubernetes) || !isObject(pod)) return null;
  const { namespace } = kubernetes;
  const { name, uid } = pod;
  if (!isNonEmpty(namespace) || !isNonEmpty(name) || !isNonEmpty(uid)) return null;
  return { namespace, pod: { name, uid } };
}

/**
 * Determines the Pod of this process and the Lease for which it campaigns.
 *
 * Returns a failure when its only read had a temporary failure. Call it again then.
 *
 * @throws LeaseElectorError for an error that a retry cannot fix: `ERR_LEASE_ELECTOR_IDENTITY`, and
 * `ERR_LEASE_ELECTOR_OPTION` when the option `lease` is not a valid name of a Lease.
 */
export async function resolveIdentity(sources: IdentitySources): Promise<Answer<Identity>> {
  const self = locateSelf(sources);
  const leaseName = nameFromSettings(sources);
  if (self.uid !== null && self.isUidProven && leaseName !== null) {
    return { ok: true, value: identityOf(self, self.uid, leaseName) };
  }
  const answer = await sources.readPod(self.namespace, self.name);
  if (!answer.ok) {
    // If Pods cannot be read, the uid cannot be verified and is accepted.
    if (answer.failure.kind === 'forbidden' && self.uid !== null && leaseName !== null) {
      return { ok: true, value: identityOf(self, self.uid, leaseName) };
    }
    return refusal(answer.failure, self, leaseName);
  }
  if (answer.value === null) throw await noSuchPod(self, sources);
  if (self.uid !== null && self.uid !== answer.value.uid) throw wrongUid(self, self.uid, answer.value.uid);
  return { ok: true, value: identityOf(self, answer.value.uid, leaseName ?? nameFromLabels(answer.value)) };
}

function identityOf({ name, namespace }: Self, uid: string, lease: string): Identity {
  return { pod: { name, uid }, namespace, lease };
}

interface Self {
  readonly namespace: string;
  readonly name: string;
  /** `null` when it must be read from the API server. */
  readonly uid: string | null;
  /** Whether the API server issued the uid with the token. A uid that a person wrote may never have existed. */
  readonly isUidProven: boolean;
  /** The source of the name, for messages. */
  readonly source: string;
}

/**
 * Determines the name, the namespace and the uid, in the order of the design: options, token, environment, hostname.
 */
function locateSelf(sources: IdentitySources): Self {
  const { pod = {}, environment } = sources;
  const claims = sources.token === null ? null : decodeTokenClaims(sources.token);
  const name = pod.name ?? claims?.pod.name ?? nonEmpty(environment['POD_NAME']) ?? sources.hostname();
  const namespace =
    pod.namespace ?? claims?.namespace ?? nonEmpty(environment['POD_NAMESPACE']) ?? sources.defaultNamespace();
  if (namespace === null) {
    throw new LeaseElectorError(
      'ERR_LEASE_ELECTOR_IDENTITY',
      "The namespace of this Pod is not known: set POD_NAMESPACE (downward API, metadata.namespace), the context's namespace in the kubeconfig, or the option `pod: { name, namespace }`",
    );
  }
  // The uid of the claims belongs to the Pod of the claims. If an option names another Pod, that uid is not used.
  const claimedUid =
    claims !== null && claims.pod.name === name && claims.namespace === namespace ? claims.pod.uid : null;
  const uid = pod.uid ?? claimedUid;
  const source = sourceOfName(sources, claims);
  checkedName('namespace', namespace, sourceOfNamespace(sources, claims));
  checkedName('Pod', name, source);
  if (uid !== null) checkedName('uid', uid, pod.uid === undefined ? CLAIMS : OPTION);
  return { namespace, name, uid, isUidProven: uid === claimedUid, source };
}

const OPTION = 'the option `pod`';
const CLAIMS = "the token's claims";

function sourceOfName({ pod, environment }: IdentitySources, claims: TokenClaims | null): string {
  if (pod?.name !== undefined || pod?.uid !== undefined) return OPTION;
  if (claims !== null) return CLAIMS;
  return nonEmpty(environment['POD_NAME']) === null ? 'the hostname, since POD_NAME is not set' : 'POD_NAME';
}

function sourceOfNamespace({ pod, environment }: IdentitySources, claims: TokenClaims | null): string {
  if (pod?.namespace !== undefined) return OPTION;
  if (claims !== null) return CLAIMS;
  return nonEmpty(environment['POD_NAMESPACE']) === null
    ? "the service account's namespace file, or the kubeconfig's context"
    : 'POD_NAMESPACE';
}

function nameFromSettings({ lease, environment }: IdentitySources): string | null {
  if (lease !== undefined) return checkedName('Lease', lease, 'the option `lease`', 'ERR_LEASE_ELECTOR_OPTION');
  const application = nonEmpty(environment['NAIS_APP_NAME']);
  return application === null ? null : checkedName('Lease', application, '$NAIS_APP_NAME');
}

function nameFromLabels(pod: LabelledPod): string {
  for (const label of ['app.kubernetes.io/name', 'app']) {
    const value = pod.labels[label];
    if (isNonEmpty(value)) return checkedName('Lease', value, `the Pod's label ${label}`);
  }
  throw new LeaseElectorError(
    'ERR_LEASE_ELECTOR_IDENTITY',
    `The name of the Lease is not known: set the option \`lease\`, the environment variable NAIS_APP_NAME, or the label app.kubernetes.io/name (or app) on the Pod "${pod.name}"`,
  );
}

function refusal(failure: RequestFailure, self: Self, leaseName: string | null): Answer<Identity> {
  if (failure.kind !== 'forbidden') return { ok: false, failure };
  const wanted = self.uid === null ? "this Pod's uid" : "this Pod's labels, one of which may name the Lease";
  const instead = [
    ...(self.uid === null
      ? ['use a projected (bound) service account token', 'set the option `pod: { name, namespace, uid }`']
      : []),
    ...(leaseName === null ? ['set the option `lease` or NAIS_APP_NAME'] : []),
  ].join(', or ');
  const message = `${failure.message}. It is needed for ${wanted}; to do without it, ${instead}`;
  return { ok: false, failure: { ...failure, message } };
}

async function noSuchPod(self: Self, sources: IdentitySources): Promise<LeaseElectorError> {
  if (sources.namespaceExists !== undefined) {
    return noPodOfDeveloper(self, sources, await sources.namespaceExists(self.namespace));
  }
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_IDENTITY',
    `${describeMissing(self)}. Set POD_NAME and POD_NAMESPACE with the downward API (metadata.name, metadata.namespace), or the option \`pod: { name, namespace, uid }\``,
  );
}

function describeMissing({ name, namespace, uid, source }: Self): string {
  const which = uid === null ? '' : ` with the uid ${uid}: it never existed, or is gone`;
  return `There is no Pod "${name}" in namespace "${namespace}"${which} (its name comes from ${source})`;
}

/**
 * The error on a developer's machine, where no downward API sets a variable. The names were checked, so they are safe
 * in a shell.
 */
function noPodOfDeveloper(self: Self, sources: IdentitySources, namespaceExists: boolean | null): LeaseElectorError {
  const { name, namespace } = self;
  const isNamespaceMissing = namespaceExists === false;
  const problem = isNamespaceMissing
    ? `There is no namespace "${namespace}" (its name comes from ${sourceOfNamespace(sources, null)}), so there is no Pod "${name}" in it`
    : describeMissing(self);
  const create = [
    ...(isNamespaceMissing ? [`\`kubectl create namespace ${namespace}\``] : []),
    `\`kubectl run ${name} -n ${namespace} --image=none\``,
  ].join(' and ');
  const uid = sources.pod?.uid === undefined ? '' : ', without a uid';
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_IDENTITY',
    `${problem}. This process does not run in a Pod, so create one for it: ${create}. Then set POD_NAME=${name} and ` +
      `POD_NAMESPACE=${namespace}, or the option \`pod: { name, namespace }\`${uid}. For a run without a cluster, set ` +
      'LEASE_ELECTOR_LOCAL=leader and leave the option `kubeConfig` out.',
  );
}

function wrongUid(self: Self, uid: string, actual: string): LeaseElectorError {
  const why = self.isUidProven
    ? 'this process belongs to a Pod that is gone, or to another cluster'
    : 'a Pod of that uid never existed, or is gone, or belongs to another cluster. ' +
      'Leave the uid out where Pods can be read, or set it with the downward API (metadata.uid)';
  return new LeaseElectorError(
    'ERR_LEASE_ELECTOR_IDENTITY',
    `The Pod "${self.name}" in namespace "${self.namespace}" has the uid ${actual}, not ${uid} (from ${self.source}): ${why}`,
  );
}

function nonEmpty(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}

function isNonEmpty(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

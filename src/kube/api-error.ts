/**
 * Maps HTTP status, Status.reason and socket errors to `RequestFailure`, with a message that includes what to do.
 *
 * The core decides what follows from a failure.
 */

import type { MissingRule, RequestFailure, RequestFailureKind } from '../core/request-failure.ts';
import { isObject } from '../runtime/object-kind.ts';
import { type ApiRequest, describeRequest, resourceTitle } from './api-request.ts';
import { type Conceal, cleanWords } from './server-words.ts';

/** The fields of a Kubernetes Status that this library reads (API conventions, "Response Status Kind"). */
export interface ApiStatus {
  /** The text of the server, which must pass through `cleanWords` before it is shown. */
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly retryAfterSeconds: number | null;
  /** `details.name` and `details.kind`: the subject of the Status. */
  readonly name: string;
  readonly kind: string;
  /**
   * The reasons in `details.causes`. One of them is `NamespaceTerminating`: nothing can be created in a namespace that
   * is being deleted.
   */
  readonly causes: readonly string[];
}

/** Reads a Status; `null` when the value is not a Status. */
export function readStatus(value: unknown): ApiStatus | null {
  if (!isObject(value) || value['kind'] !== 'Status') return null;
  const details = isObject(value['details']) ? value['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'] : [];
  return {
    message: stringOf(value['message']),
    reason: stringOf(value['reason']),
    code: typeof value['code'] === 'number' ? value['code'] : 0,
    retryAfterSeconds: typeof details['retryAfterSeconds'] === 'number' ? details['retryAfterSeconds'] : null,
    name: stringOf(details['name']),
    kind: stringOf(details['kind']),
    causes: causes.map((cause) => (isObject(cause) ? stringOf(cause['reason']) : '')),
  };
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * Whether a 404 proves that the requested object itself does not exist.
 *
 * A proxy or a half-started server also answers 404. If such an answer counted as the end of the holder's Pod, there
 * would be a second leader. Only a Status of the API server that names this object proves its absence.
 */
export function provesAbsence(request: ApiRequest, httpStatus: number, status: ApiStatus | null): boolean {
  return (
    httpStatus === 404 &&
    status !== null &&
    refuserOf(status) === null &&
    status.reason === 'NotFound' &&
    status.name === request.name &&
    status.kind === request.resource
  );
}

/** Classifies an unsuccessful answer by its HTTP status and, where that is ambiguous, by the reason of its Status. */
export function failureOfAnswer(
  request: ApiRequest,
  httpStatus: number,
  status: ApiStatus | null,
  retryAfterHeader: string | undefined,
  conceal?: Conceal,
  tokenProblem: string | null = null,
): RequestFailure {
  const kind = kindOfHttpStatus(httpStatus, status);
  const words = cleanWords(status?.message ?? '', conceal);
  const isNamed = kind === 'unauthorized' && tokenProblem !== null;
  const base = `${describeRequest(request)} was answered ${httpStatus}${words === '' ? '' : `: ${words}`}`;
  return {
    kind,
    message:
      base +
      (isNamed
        ? `. The API server does not accept the token: ${tokenProblem}`
        : adviceFor(request, kind, httpStatus, status, conceal)),
    retryAfterMs: retryAfterMs(retryAfterHeader, status),
    missingRule: kind === 'forbidden' ? missingRule(request, status) : null,
    ...(isNamed ? { tokenProblem } : {}),
    cause: null,
  };
}

/** Classifies the Status in a watch's ERROR event (wire facts 17 and 18). */
export function failureOfErrorEvent(request: ApiRequest, object: unknown, conceal?: Conceal): RequestFailure {
  const status = readStatus(object);
  const code = status?.code ?? 0;
  const expired = code === 410 || status?.reason === 'Expired' || status?.reason === 'Gone';
  return {
    kind: expired ? 'expired' : code === 429 ? 'throttled' : 'unavailable',
    message: `${describeRequest(request)} was ended by an ERROR event (code ${code}): ${status === null ? 'no Status' : cleanWords(status.message, conceal)}`,
    retryAfterMs: retryAfterMs(undefined, status),
    missingRule: null,
    cause: null,
  };
}

/** Classifies an error of the socket or of TLS, or a time-out. It is unknown whether the request was executed. */
export function failureOfError(request: ApiRequest, error: unknown, conceal?: Conceal): RequestFailure {
  const code = codeOf(error);
  const untrusted = UNTRUSTED_CODES.has(code);
  const text = cleanWords(error instanceof Error ? error.message || code : String(error), conceal);
  return {
    kind: untrusted ? 'untrusted' : 'unavailable',
    message: `${describeRequest(request)} failed: ${text}${untrusted ? untrustedAdvice(code) : (PASSING_ADVICE[code] ?? '')}`,
    retryAfterMs: null,
    missingRule: null,
    cause: causeOf(error, text, code),
  };
}

function untrustedAdvice(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') {
    return `. By the clock of this machine, the certificate of the API server has expired (${code}): renew it, or correct the clock`;
  }
  return `. The certificate of the API server is not trusted (${code}): check that ca.crt, or the kubeconfig's certificate authority, belongs to this cluster and that the server's address is one the certificate names`;
}

/** The advice for temporary failures, by code. */
const PASSING_ADVICE: Readonly<Record<string, string>> = {
  CERT_NOT_YET_VALID: `. The API server's certificate is not valid yet (CERT_NOT_YET_VALID): check this machine's clock, or wait`,
};

/**
 * Returns the error itself, unless it has data that may contain credentials. The HTTP parser attaches bytes of the
 * server, and the agent of a proxy attaches the proxy's address.
 */
function causeOf(error: unknown, text: string, code: string): unknown {
  return isObject(error) && ('rawPacket' in error || 'options' in error)
    ? Object.assign(new Error(text), { code })
    : error;
}

/** The failure for an answer that cannot be used. */
export function malformed(request: ApiRequest, what: string, cause: unknown = null): RequestFailure {
  return {
    kind: 'malformed',
    message: `${describeRequest(request)}: ${what}`,
    retryAfterMs: null,
    missingRule: null,
    cause,
  };
}

function kindOfHttpStatus(httpStatus: number, status: ApiStatus | null): RequestFailureKind {
  // A webhook may refuse with any code. Its 401 does not mean a refused token, and its 409 does not mean a changed
  // Lease.
  if (refuserOf(status) !== null && httpStatus >= 400 && httpStatus !== 429) {
    return httpStatus === 403 ? 'forbidden' : 'rejected';
  }
  switch (httpStatus) {
    case 401:
      return 'unauthorized';
    case 403:
      return 'forbidden';
    case 404:
      return 'notFound';
    case 408:
      return 'unavailable';
    case 409:
      // Only the reason distinguishes the two kinds of 409 (wire fact 6).
      return status?.reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
    case 410:
      return 'expired';
    case 429:
      return 'throttled';
    default:
      return httpStatus >= 400 && httpStatus < 500 ? 'rejected' : 'unavailable';
  }
}

function adviceFor(
  request: ApiRequest,
  kind: RequestFailureKind,
  httpStatus: number,
  status: ApiStatus | null,
  conceal: Conceal | undefined,
): string {
  const refuser = refuserOf(status);
  if (refuser !== null) {
    return `. ${cleanWords(refuser, conceal)} refused it, although the service account has the permission. Change its configuration, so that it permits this request`;
  }
  if (kind === 'forbidden') return permissionAdvice(request, status);
  if (kind === 'unauthorized') {
    return '. The API server does not accept the token, even after the token was read again: its Pod may be deleted, it may have expired, or it may belong to another cluster';
  }
  return httpStatus >= 300 && httpStatus < 400
    ? '. Redirects are not followed: configure the address of the API server itself'
    : '';
}

/** `User "u" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "n"`. */
const DENIED_BY_AUTHORIZATION =
  /cannot ([a-z]{1,40}) resource "([a-z0-9./-]{1,100})" in API group "([a-z0-9.-]{0,100})"/;

/**
 * The plug-in OwnerReferencesPermissionEnforcement refuses an update that adds an owner, unless the client may delete the
 * object (Kubernetes, "Admission Controllers").
 */
const DENIED_FOR_OWNER = /cannot set an ownerRef on a resource you can't delete/;

/**
 * The refusals of a request that authorization has permitted, whatever the code of the answer. The texts are those of
 * Kubernetes' admission chain. A capture group contains the name.
 */
const REFUSERS: readonly { readonly words: RegExp; readonly title: (name: string) => string }[] = [
  {
    words: /admission webhook "([^"]{1,253})" denied the request/,
    title: (name) => `The admission webhook "${name}"`,
  },
  {
    words: /ValidatingAdmissionPolicy '([^']{1,253})'[^']*(?:'[^']{1,253}' )?denied request/,
    title: (name) => `The ValidatingAdmissionPolicy "${name}"`,
  },
  { words: /ValidatingAdmissionPolicy/, title: () => 'A ValidatingAdmissionPolicy' },
  { words: /exceeded quota: ([^,\s]{1,253})/, title: (name) => `The ResourceQuota "${name}"` },
  { words: /exceeded quota/, title: () => 'A ResourceQuota' },
  { words: /violates PodSecurity/, title: () => 'The Pod security of the namespace' },
];

/**
 * The part of the cluster that refused the request, other than authorization; `null` for authorization, or when the
 * part is unknown.
 */
function refuserOf(status: ApiStatus | null): string | null {
  for (const { words, title } of REFUSERS) {
    const found = words.exec(status?.message ?? '');
    if (found !== null) return title(found[1] ?? '');
  }
  return null;
}

function isNamespaceTerminating(status: ApiStatus | null): boolean {
  return status?.causes.includes('NamespaceTerminating') === true || /being terminated/.test(status?.message ?? '');
}

/**
 * The missing permission of a 403; `null` when authorization was not the reason. If the server names a permission, that
 * permission is returned: a PUT can be refused because `create` is missing (wire fact 4).
 */
function missingRule(request: ApiRequest, status: ApiStatus | null): MissingRule | null {
  const { apiGroup, resource, namespace } = request;
  if (refuserOf(status) !== null) return null;
  const named = DENIED_BY_AUTHORIZATION.exec(status?.message ?? '');
  if (named !== null) {
    return { verb: named[1] ?? '', apiGroup: named[3] ?? '', resource: named[2] ?? '', namespace };
  }
  if (DENIED_FOR_OWNER.test(status?.message ?? '')) return { verb: 'delete', apiGroup, resource, namespace };
  if (isNamespaceTerminating(status)) return null;
  return { verb: request.verb, apiGroup, resource, namespace };
}

function permissionAdvice(request: ApiRequest, status: ApiStatus | null): string {
  if (status?.message.includes('"system:anonymous"')) {
    return '. The request carried no credentials that the API server knows: give the Pod a service account token (automountServiceAccountToken), or a user to the kubeconfig';
  }
  const rule = missingRule(request, status);
  if (rule === null) return '. The namespace is being deleted, so nothing can be created in it';
  return `. Grant \`${rule.verb}\` on ${resourceTitle(rule)} in namespace "${rule.namespace}" to the Pod's service account`;
}

function retryAfterMs(header: string | undefined, status: ApiStatus | null): number | null {
  // Kubernetes does not send the other form of the header, which is a date.
  if (header !== undefined && /^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  return status?.retryAfterSeconds != null ? status.retryAfterSeconds * 1000 : null;
}

function codeOf(error: unknown): string {
  return isObject(error) && typeof error['code'] === 'string' ? error['code'] : '';
}

/**
 * The codes of OpenSSL (`X509_V_ERR_…`) and Node.js for an untrusted certificate (Node, "TLS: X509 certificate error
 * codes").
 */
const UNTRUSTED_CODES: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_HAS_EXPIRED',
  'ERROR_IN_CERT_NOT_BEFORE_FIELD',
  'ERROR_IN_CERT_NOT_AFTER_FIELD',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_CHAIN_TOO_LONG',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

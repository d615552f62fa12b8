/**
 * Maps HTTP status, Status.reason and socket errors to one small union, `RequestFailure`, with a message that
 * names what to do.
 *
 * The core decides what follows from a failure.
 */

import type { MissingRule, RequestFailure, RequestFailureKind } from '../core/request-failure.ts';
import { isObject } from '../runtime/object-kind.ts';
import { type ApiRequest, describeRequest, resourceTitle } from './api-request.ts';
import { type Conceal, cleanWords } from './server-words.ts';

/** The fields of a Kubernetes Status that this library reads (API conventions, "Response Status Kind"). */
export interface ApiStatus {
  /** As the server wrote it; `cleanWords` makes it fit for a message. */
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly retryAfterSeconds: number | null;
  /** `details.name` and `details.kind`: the object that the Status is about. */
  readonly name: string;
  readonly kind: string;
  /** `details.causes`; among others, the reason why a namespace that is being deleted forbids creation. */
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
 * A proxy or a half-started server also answers 404. If that counted as the end of the holder's Pod, there would be a
 * second leader. So only the API server's own Status that names this object is a proof.
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

/** The Status of a watch's ERROR event (wire facts 17 and 18). */
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

/** An error of the socket, of TLS or of a time-out: it is not known whether the request was carried out. */
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

/** Advice about a failure that can pass by itself. */
const PASSING_ADVICE: Readonly<Record<string, string>> = {
  CERT_NOT_YET_VALID: `. The API server's certificate is not valid yet (CERT_NOT_YET_VALID): check this machine's clock, or wait`,
};

/**
 * The error itself, unless it carries data that can hold credentials: bytes of the server, attached by the HTTP parser,
 * or the address of a proxy, attached by its agent.
 */
function causeOf(error: unknown, text: string, code: string): unknown {
  return isObject(error) && ('rawPacket' in error || 'options' in error)
    ? Object.assign(new Error(text), { code })
    : error;
}

/** An answer that cannot be used. */
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
  // A webhook chooses the code of its refusal freely: its 401 is not about the token, its 409 not about the Lease.
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
      // Only the reason distinguishes the two (wire fact 6).
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
    return `. ${cleanWords(refuser, conceal)} refused it, not the permissions of the service account: make it allow this request`;
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
 * The refusals of a request that authorization has let through, whatever the code of the answer. The words are those of
 * Kubernetes' admission chain; a capture is the name.
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

/** The part of the cluster that refused the request, other than authorization; `null` when it is authorization, or not known. */
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
 * The permission behind a 403, in the server's words where it names one: a PUT can be refused because
 * `create` is missing (wire fact 4). `null` when authorization was not the reason.
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
  // Kubernetes does not use the other form of the header, a date.
  if (header !== undefined && /^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  return status?.retryAfterSeconds != null ? status.retryAfterSeconds * 1000 : null;
}

function codeOf(error: unknown): string {
  return isObject(error) && typeof error['code'] === 'string' ? error['code'] : '';
}

/** The codes of OpenSSL (`X509_V_ERR_…`) and Node for a certificate that does not verify (Node, "TLS: X509 certificate error codes"). */
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

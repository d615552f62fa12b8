/**
 * HTTP status, Status.reason and socket errors → one small union, `RequestFailure`, with a message that
 * says what to do.
 *
 * What follows from a failure is decided by the core.
 */

import type { MissingRule, RequestFailure, RequestFailureKind } from '../core/request-failure.ts';
import { type ApiRequest, describeRequest, resourceTitle } from './api-request.ts';

/** The fields of a Kubernetes Status that are looked at (API conventions, "Response Status Kind"). */
export interface ApiStatus {
  readonly message: string;
  readonly reason: string;
  readonly code: number;
  readonly retryAfterSeconds: number | null;
  /** `details.name`, `details.kind`: which object it is about. */
  readonly name: string;
  readonly kind: string;
  /** Why a namespace that is going away forbids creation, among others. */
  readonly causes: readonly string[];
}

/** Reads a Status; `null` when the value is none. */
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

/** A plain JSON object, neither an array nor null. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/**
 * Whether a 404 proves that the very object that was asked for does not exist.
 *
 * A proxy or a half-started server answers 404 too, and who took that for the end of the incumbent's Pod
 * would make a second leader: only the API server's own Status that names this object is a proof.
 */
export function provesAbsence(request: ApiRequest, httpStatus: number, status: ApiStatus | null): boolean {
  return (
    httpStatus === 404 &&
    status !== null &&
    status.reason === 'NotFound' &&
    status.name === request.name &&
    status.kind === request.resource
  );
}

/** An answer that is no success: by its HTTP status, and where that is ambiguous by the Status' reason. */
export function failureOfAnswer(
  request: ApiRequest,
  httpStatus: number,
  status: ApiStatus | null,
  retryAfterHeader: string | undefined,
): RequestFailure {
  const kind = kindOfHttpStatus(httpStatus, status);
  const said = status?.message ? `: ${status.message}` : '';
  const base = `${describeRequest(request)} was answered ${httpStatus}${said}`;
  return {
    kind,
    message: kind === 'forbidden' ? forbiddenMessage(request, base, status) : base + adviceFor(kind, httpStatus),
    retryAfterMs: retryAfterMs(retryAfterHeader, status),
    missingRule: kind === 'forbidden' ? missingRule(request, status) : null,
    cause: null,
  };
}

/** The Status of a watch's ERROR event (wire facts 17 and 18). */
export function failureOfErrorEvent(request: ApiRequest, object: unknown): RequestFailure {
  const status = readStatus(object);
  const code = status?.code ?? 0;
  const expired = code === 410 || status?.reason === 'Expired' || status?.reason === 'Gone';
  return {
    kind: expired ? 'expired' : code === 429 ? 'throttled' : 'unavailable',
    message: `${describeRequest(request)} was ended by an ERROR event (code ${code}): ${status?.message ?? 'no Status'}`,
    retryAfterMs: retryAfterMs(undefined, status),
    missingRule: null,
    cause: null,
  };
}

/** An error of the socket, of TLS or of the time-out: the request may or may not have been carried out. */
export function failureOfError(request: ApiRequest, error: unknown): RequestFailure {
  const code = codeOf(error);
  const untrusted = UNTRUSTED_CODES.has(code);
  const text = error instanceof Error ? error.message || code : String(error);
  return {
    kind: untrusted ? 'untrusted' : 'unavailable',
    message:
      `${describeRequest(request)} failed: ${text}` +
      (untrusted
        ? `. The certificate of the API server is not to be trusted (${code}): check that ca.crt, or the kubeconfig's certificate authority, belongs to this cluster and that the server's address is one the certificate names`
        : ''),
    retryAfterMs: null,
    missingRule: null,
    cause: error,
  };
}

/** An answer that cannot be understood. */
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
      // Only the reason tells the two apart (wire fact 6).
      return status?.reason === 'AlreadyExists' ? 'alreadyExists' : 'conflict';
    case 410:
      return 'expired';
    case 429:
      return 'throttled';
    default:
      return httpStatus >= 400 && httpStatus < 500 ? 'rejected' : 'unavailable';
  }
}

function adviceFor(kind: RequestFailureKind, httpStatus: number): string {
  if (kind === 'unauthorized') {
    return '. The API server does not accept the token, also after it was read anew: its Pod may be deleted, it may have expired, or it may belong to another cluster';
  }
  return httpStatus >= 300 && httpStatus < 400
    ? '. Redirects are not followed: give the address of the API server'
    : '';
}

/** `User "u" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "n"`. */
const DENIED_BY_AUTHORIZATION = /cannot (\w+) resource "([^"]+)" in API group "([^"]*)"/;

/** A 403 that no Role can mend: an admission webhook, a quota, a namespace that is being deleted. */
const DENIED_BY_ADMISSION = /admission webhook|exceeded quota|being terminated|ValidatingAdmissionPolicy|PodSecurity/;

/**
 * The permission behind a 403, in the server's own words where it gives them: a PUT may be refused for
 * want of `create` (wire fact 4). `null` when authorization was not the reason.
 */
function missingRule(request: ApiRequest, status: ApiStatus | null): MissingRule | null {
  const named = DENIED_BY_AUTHORIZATION.exec(status?.message ?? '');
  if (named !== null) {
    const [, verb = request.verb, resource = request.resource, apiGroup = request.apiGroup] = named;
    return { verb, apiGroup, resource, namespace: request.namespace };
  }
  if (DENIED_BY_ADMISSION.test(status?.message ?? '') || status?.causes.includes('NamespaceTerminating')) return null;
  return { verb: request.verb, apiGroup: request.apiGroup, resource: request.resource, namespace: request.namespace };
}

function forbiddenMessage(request: ApiRequest, base: string, status: ApiStatus | null): string {
  if (status?.message.includes('"system:anonymous"')) {
    return `${base}. The request carried no credentials that the API server knows: give the Pod a service account token (automountServiceAccountToken), or a user to the kubeconfig`;
  }
  const rule = missingRule(request, status);
  if (rule === null) return base;
  return `${base}. Grant \`${rule.verb}\` on ${resourceTitle(rule)} in namespace "${rule.namespace}" to the Pod's service account`;
}

function retryAfterMs(header: string | undefined, status: ApiStatus | null): number | null {
  // The other form of the header, a date, is not used by Kubernetes.
  if (header !== undefined && /^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  return status?.retryAfterSeconds != null ? status.retryAfterSeconds * 1000 : null;
}

function codeOf(error: unknown): string {
  return isObject(error) && typeof error['code'] === 'string' ? error['code'] : '';
}

/** What OpenSSL (`X509_V_ERR_…`) and Node call a certificate that does not verify (Node, "TLS: X509 certificate error codes"). */
const UNTRUSTED_CODES: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_NOT_YET_VALID',
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

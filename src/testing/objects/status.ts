/**
 * The Status bodies of errors, in the words of a real server. Other files decide when each of them is sent.
 */

import type { ResourceKind } from './resources.ts';

/** One of several reasons, for a field of the object or of the options. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field?: string;
}

/** `details` of a Status. */
export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** A `v1` Status object. */
export interface StatusBody {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: { readonly continue?: string };
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** Ends a request with a Status body. */
export class StatusError extends Error {
  readonly body: StatusBody;
  readonly code: number;

  constructor(code: number, reason: string | undefined, message: string, details?: StatusDetails) {
    super(message);
    this.name = 'StatusError';
    this.code = code;
    this.body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }
}

/** The name of a resource in messages: `leases.coordination.k8s.io`, `pods`. */
export function qualifiedResource(kind: ResourceKind): string {
  return kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`;
}

/** The name of a kind in messages: `Lease.coordination.k8s.io`, `Pod`. */
function qualifiedKind(kind: ResourceKind): string {
  return kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
}

/** Details that name the resource (`leases`), as most answers do. */
export function resourceDetails(kind: ResourceKind, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.resource,
  };
}

/** Details that name the kind (`Lease`), as answers about content and preconditions do. */
function kindDetails(kind: ResourceKind, name: string): StatusDetails {
  return { ...(name === '' ? {} : { name }), ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.kind };
}

/** 404: the object does not exist. */
export function notFound(kind: ResourceKind, name: string): StatusError {
  const message = `${qualifiedResource(kind)} ${JSON.stringify(name)} not found`;
  return new StatusError(404, 'NotFound', message, resourceDetails(kind, name));
}

/** 404: the path does not exist under /api or /apis. */
export function noSuchResource(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 405: the path exists, but not with this method. */
export function methodNotAllowed(): StatusError {
  const message = 'the server does not allow this method on the requested resource';
  return new StatusError(405, 'MethodNotAllowed', message, {});
}

/** 409: create of an object whose name is taken. `terminating`: the existing object is being deleted (fact 6). */
export function alreadyExists(kind: ResourceKind, name: string, terminating: boolean): StatusError {
  const prefix = terminating ? 'object is being deleted: ' : '';
  const message = `${prefix}${qualifiedResource(kind)} ${JSON.stringify(name)} already exists`;
  return new StatusError(409, 'AlreadyExists', message, resourceDetails(kind, name));
}

/** 409: the resourceVersion is not the present one (fact 2). */
export function modifiedConflict(kind: ResourceKind, name: string): StatusError {
  return conflict(
    kind,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** 409 with a separate reason; the message names the resource. */
export function conflict(kind: ResourceKind, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualifiedResource(kind)} ${JSON.stringify(name)}: ${why}`;
  return new StatusError(409, 'Conflict', message, resourceDetails(kind, name));
}

/** 409: the uid in a PUT is not that of the object; `actual` is empty when there is no object (facts 4 and 5). */
export function uidConflict(
  kind: ResourceKind,
  namespace: string,
  name: string,
  sent: string,
  actual: string,
): StatusError {
  const key = ['/registry', kind.resource, ...(kind.namespaced ? [namespace] : []), name].join('/');
  return conflict(
    kind,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ` +
      `Precondition failed: UID in precondition: ${sent}, UID in object meta: ${actual}`,
  );
}

/** 409: a precondition of a DELETE does not hold (fact 11); the message names the kind. */
export function preconditionConflict(
  kind: ResourceKind,
  name: string,
  what: 'UID' | 'ResourceVersion',
  sent: string,
  actual: string,
): StatusError {
  const consequence =
    what === 'UID' ? 'The object might have been deleted and then recreated' : 'The object might have been modified';
  const message =
    `Operation cannot be fulfilled on ${qualifiedKind(kind)} ${JSON.stringify(name)}: ` +
    `the ${what} in the precondition (${sent}) does not match the ${what} in record (${actual}). ${consequence}`;
  return new StatusError(409, 'Conflict', message, kindDetails(kind, name));
}

/** 400. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** 500 without a reason, as a real server answers an unexpected error. */
export function internalError(message: string): StatusError {
  return new StatusError(500, undefined, message);
}

/** 401. */
export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

/** 415. */
export function unsupportedMediaType(): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: ' +
      'application/json, application/yaml, application/vnd.kubernetes.protobuf',
  );
}

/** 415 for a body in protobuf. A real server reads it, and this one does not. */
export function protobufNotRead(): StatusError {
  const message =
    'this server does not read application/vnd.kubernetes.protobuf, which `kubectl create namespace` sends, for example: ' +
    'add `--dry-run=client -o yaml | kubectl apply -f -`, or send application/json or application/yaml';
  return new StatusError(415, 'UnsupportedMediaType', message);
}

/** The reason why a field is not valid. */
export interface FieldError {
  readonly type: 'Required' | 'Invalid' | 'NotSupported' | 'Forbidden' | 'TooLong' | 'TooMany' | 'Duplicate';
  readonly field: string;
  /** The value as it is shown, for the types that show it. */
  readonly value?: unknown;
  readonly detail: string;
}

const FIELD_ERROR_WORDS: Readonly<Record<FieldError['type'], readonly [reason: string, word: string]>> = {
  Required: ['FieldValueRequired', 'Required value'],
  Invalid: ['FieldValueInvalid', 'Invalid value'],
  NotSupported: ['FieldValueNotSupported', 'Unsupported value'],
  Forbidden: ['FieldValueForbidden', 'Forbidden'],
  TooLong: ['FieldValueTooLong', 'Too long'],
  TooMany: ['FieldValueTooMany', 'Too many'],
  Duplicate: ['FieldValueDuplicate', 'Duplicate value'],
};

function causeOf(error: FieldError): StatusCause {
  const [reason, word] = FIELD_ERROR_WORDS[error.type];
  const shown = error.value === undefined ? '' : `: ${goValue(error.value)}`;
  const detail = error.detail === '' ? '' : `: ${error.detail}`;
  return { reason, message: `${word}${shown}${detail}`, field: error.field };
}

/** A value that messages show without quotes. */
export class Verbatim {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value as Go prints it in messages: quoted strings, bare numbers. */
function goValue(value: unknown): string {
  if (value instanceof Verbatim) return value.text;
  return typeof value === 'string'
    ? JSON.stringify(value)
    : typeof value === 'number'
      ? `${value}`
      : JSON.stringify(value);
}

/** 422 about some fields. `details` names the invalid object; the message begins with `subject`. */
export function invalid(subject: string, details: StatusDetails, errors: readonly FieldError[]): StatusError {
  const causes = errors.map(causeOf);
  const told = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  const list = told.length === 1 ? told[0] : `[${told.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${subject} is invalid: ${list}`, { ...details, causes });
}

/** 422 about the content of an object. */
export function invalidObject(kind: ResourceKind, name: string, errors: readonly FieldError[]): StatusError {
  return invalid(`${qualifiedKind(kind)} ${JSON.stringify(name)}`, kindDetails(kind, name), errors);
}

/** 422 about the options of a request, such as ListOptions. */
export function invalidOptions(kind: string, errors: readonly FieldError[]): StatusError {
  return invalid(`${kind}.meta.k8s.io ""`, { group: 'meta.k8s.io', kind }, errors);
}

/** The Status of a success, as DELETE answers. */
export function successStatus(details: StatusDetails): StatusBody {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

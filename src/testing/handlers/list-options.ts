/**
 * The query parameters of lists, watches and writes (Kubernetes' ListOptions and friends): parses and
 * checks them. The handlers apply them.
 */

import type { FieldValidation } from '../formats/decoding.ts';
import { parseFieldSelector, type Selection } from '../formats/field-selector.ts';
import { parseLabelSelector } from '../formats/label-selector.ts';
import type { ResourceKind } from '../objects/resources.ts';
import { badRequest, type FieldError, internalError, invalidOptions } from '../objects/status.ts';
import { isTrue } from './routes.ts';

/** The options of a list or a watch. */
export interface ListOptions {
  /** The selected objects; undefined for all. */
  readonly selection: Selection | undefined;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly limit: number;
  readonly continueToken: string;
  readonly sendInitialEvents: boolean | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly timeoutSeconds: number;
}

function integer(query: URLSearchParams, name: string): number {
  const text = query.get(name);
  return text === null || text === '' ? 0 : parseInteger(text);
}

/** A whole number of a query, as Go reads an int64. Throws 400. */
export function parseInteger(text: string): number {
  const refuse = (why: string): Error => badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw refuse('invalid syntax');
  const value = BigInt(text.replace('+', ''));
  if (BigInt.asIntN(64, value) !== value) throw refuse('value out of range');
  return Number(text);
}

/** Reads the options of a list or watch. Throws 400 and 422. */
export function readListOptions(kind: ResourceKind, query: URLSearchParams, watch: boolean): ListOptions {
  const labelSelector = query.get('labelSelector') ?? '';
  const fieldSelector = query.get('fieldSelector') ?? '';
  const initial = query.get('sendInitialEvents');
  const options: ListOptions = {
    selection: both(
      labelSelector === '' ? undefined : parseLabelSelector(labelSelector),
      fieldSelector === '' ? undefined : parseFieldSelector(kind, fieldSelector),
    ),
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    limit: integer(query, 'limit'),
    continueToken: query.get('continue') ?? '',
    sendInitialEvents: initial === null ? undefined : isTrue(initial),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: integer(query, 'timeoutSeconds'),
  };
  const errors = watch ? watchErrors(options) : listErrors(options);
  if (errors.length > 0) throw invalidOptions('ListOptions', errors);
  return options;
}

function both(a: Selection | undefined, b: Selection | undefined): Selection | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return (object) => a(object) && b(object);
}

const MATCH = 'resourceVersionMatch';

function forbiddenMatch(detail: string): FieldError {
  return { type: 'Forbidden', field: MATCH, detail };
}

function watchErrors({ resourceVersionMatch: match, ...options }: ListOptions): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (options.sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    errors.push(forbiddenMatch('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  }
  if (match === '') return errors;
  if (options.sendInitialEvents === undefined) {
    errors.push(forbiddenMatch('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  }
  if (match !== 'NotOlderThan') {
    errors.push({ type: 'NotSupported', field: MATCH, value: match, detail: 'supported values: "NotOlderThan"' });
  }
  if (options.continueToken !== '') {
    errors.push(forbiddenMatch('resourceVersionMatch is forbidden when continue is provided'));
  }
  return errors;
}

function listErrors(options: ListOptions): readonly FieldError[] {
  const { resourceVersion, resourceVersionMatch: match, continueToken } = options;
  const errors: FieldError[] = [];
  if (match !== '') {
    if (resourceVersion === '')
      errors.push(forbiddenMatch('resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (continueToken !== '')
      errors.push(forbiddenMatch('resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      const detail = 'supported values: "Exact", "NotOlderThan", ""';
      errors.push({ type: 'NotSupported', field: MATCH, value: match, detail });
    }
    if (match === 'Exact' && resourceVersion === '0') {
      errors.push(forbiddenMatch('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
    }
  }
  if (options.sendInitialEvents !== undefined) {
    errors.push({ type: 'Forbidden', field: 'sendInitialEvents', detail: 'sendInitialEvents is forbidden for list' });
  }
  return errors;
}

/**
 * A resourceVersion as a number; 0 when it is missing. `fail` creates the error for a malformed text (facts 2 and 19).
 */
export function parseResourceVersion(text: string, fail: (message: string) => Error = internalError): number {
  if (text === '') return 0;
  if (/^\d+$/.test(text)) return Number(text);
  const syntax = `strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw fail(`resourceVersion: Invalid value: ${JSON.stringify(text)}: ${syntax}`);
}

/** The options of a write. */
export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
}

/** Reads the options of a create, replace or patch; `optionsKind` is CreateOptions and so on. */
export function readWriteOptions(query: URLSearchParams, optionsKind: string): WriteOptions {
  const errors: FieldError[] = [];
  // Force belongs to server-side apply, which this server does not have (wire recording lease-apply).
  if (optionsKind === 'PatchOptions' && query.has('force')) {
    errors.push({ type: 'Forbidden', field: 'force', detail: 'may not be specified for non-apply patch' });
  }
  errors.push(...fieldManagerErrors(query.get('fieldManager') ?? ''));
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  if (!checkDryRun(dryRun)) errors.push(dryRunError(dryRun));
  const validation = query.get('fieldValidation') ?? '';
  if (!['', 'Ignore', 'Strict', 'Warn'].includes(validation)) {
    const detail = 'supported values: "", "Ignore", "Strict", "Warn"';
    errors.push({ type: 'NotSupported', field: 'fieldValidation', value: validation, detail });
  }
  if (errors.length > 0) throw invalidOptions(optionsKind, errors);
  return { dryRun: dryRun.length > 0, fieldValidation: validation === '' ? 'Warn' : (validation as FieldValidation) };
}

/** Longest name of a field manager, in bytes. */
const MAX_FIELD_MANAGER_BYTES = 128;

function fieldManagerErrors(name: string): readonly FieldError[] {
  const field = 'fieldManager';
  if (Buffer.byteLength(name) > MAX_FIELD_MANAGER_BYTES) {
    return [{ type: 'TooLong', field, detail: `may not be more than ${MAX_FIELD_MANAGER_BYTES} bytes` }];
  }
  return [];
}

/** True when this server supports all values of dryRun. */
export function checkDryRun(values: readonly string[]): boolean {
  return values.every((value) => value === 'All');
}

/** The error of an unsupported dryRun. */
export function dryRunError(values: readonly string[]): FieldError {
  return { type: 'NotSupported', field: 'dryRun', value: values, detail: 'supported values: "All"' };
}

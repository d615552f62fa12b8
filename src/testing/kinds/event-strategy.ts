/**
 * Events: one store, served in two forms. They are stored as core/v1; events.k8s.io/v1 is converted when it is read
 * or written (wire recordings events-core and events-v1).
 */

import { type ApiObject, isJsonObject, type JsonObject, sameJson } from '../objects/api-object.ts';
import { EVENTS_V1, type ResourceKind } from '../objects/resources.ts';
import type { FieldError } from '../objects/status.ts';
import { qualifiedNameErrors } from './validation.ts';

/** Fields that are named differently in the two forms: core/v1, then events.k8s.io/v1. */
const RENAMED: readonly (readonly [core: string, v1: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

/** Fields that Go writes even when they are empty, with their empty value, per form. */
const ALWAYS_CORE: Readonly<JsonObject> = {
  source: {},
  firstTimestamp: null,
  lastTimestamp: null,
  eventTime: null,
  reportingComponent: '',
  reportingInstance: '',
};

/** The longest note, in bytes. */
const MAX_NOTE_BYTES = 1024;
/** The longest other text, in bytes. */
const MAX_TEXT_BYTES = 128;

const served = new WeakMap<ApiObject, ApiObject>();

/** The object in the form in which this kind is served; the same object for all kinds except events.k8s.io/v1. */
export function toServed(kind: ResourceKind, object: ApiObject): ApiObject {
  if (kind !== EVENTS_V1) return object;
  let converted = served.get(object);
  if (converted === undefined) {
    const fields: JsonObject = { ...object, apiVersion: 'events.k8s.io/v1' };
    for (const [core, v1] of RENAMED) rename(fields, core, v1);
    for (const field of ['reportingController', 'reportingInstance']) if (fields[field] === '') delete fields[field];
    converted = fields as unknown as ApiObject;
    served.set(object, converted);
  }
  return converted;
}

/** The object in the form in which it is stored. */
export function toStored(kind: ResourceKind, object: ApiObject): ApiObject {
  if (kind !== EVENTS_V1) return object;
  const fields: JsonObject = { ...object, apiVersion: 'v1' };
  for (const [core, v1] of RENAMED) rename(fields, v1, core);
  return fields as unknown as ApiObject;
}

function rename(fields: JsonObject, from: string, to: string): void {
  if (!(from in fields)) return;
  fields[to] = fields[from];
  delete fields[from];
}

/** The default fields of every Event, in the stored form. */
export function withEventDefaults(event: ApiObject): ApiObject {
  const { kind, apiVersion, metadata, ...fields } = event;
  return { kind, apiVersion, metadata, ...ALWAYS_CORE, ...fields };
}

/** The namespaces in which an Event with an eventTime can be, if its object has no namespace. */
const CLUSTER_EVENT_NAMESPACES: readonly string[] = ['default', 'kube-system'];

/** An Event of the new kind has an eventTime, whatever the group of its request. */
function isNewKind(event: ApiObject): boolean {
  return typeof event['eventTime'] === 'string';
}

/**
 * An Event must be in the namespace of its object. With an eventTime it can be in any namespace, if its object has one.
 */
function namespaceErrors(event: ApiObject): readonly FieldError[] {
  const involved = isJsonObject(event['involvedObject']) ? event['involvedObject'] : {};
  const namespace = typeof involved['namespace'] === 'string' ? involved['namespace'] : '';
  const own = event.metadata.namespace ?? '';
  const fits = isNewKind(event)
    ? namespace !== '' || CLUSTER_EVENT_NAMESPACES.includes(own)
    : own === (namespace === '' ? 'default' : namespace);
  if (fits) return [];
  return [
    { type: 'Invalid', field: 'involvedObject.namespace', value: namespace, detail: 'does not match event.namespace' },
  ];
}

/**
 * The rules for all Events (kubernetes: pkg/apis/core/validation/events.go, legacyValidateEvent).
 *
 * @param controllerField the name of the reporting controller in the group of the request
 */
function validateEvent(event: ApiObject, controllerField: string): readonly FieldError[] {
  const errors = [...namespaceErrors(event)];
  if (!isNewKind(event)) return errors;
  const text = (field: string): string => (typeof event[field] === 'string' ? event[field] : '');
  const required = (field: string): FieldError => ({ type: 'Required', field, detail: '' });
  const invalid = (field: string, value: unknown, detail: string): FieldError => ({
    type: 'Invalid',
    field,
    value,
    detail,
  });
  const bounded = (field: string, value: string, longest: number): readonly FieldError[] =>
    Buffer.byteLength(value) > longest ? [invalid(field, '', `can have at most ${longest} characters`)] : [];
  const controller = text('reportingComponent');
  if (controller === '') errors.push(required(controllerField));
  errors.push(...qualifiedNameErrors(controller).map((why) => invalid(controllerField, controller, why)));
  for (const field of ['reportingInstance', 'action', 'reason']) {
    if (text(field) === '') errors.push(required(field));
    errors.push(...bounded(field, text(field), MAX_TEXT_BYTES));
  }
  errors.push(...bounded('message', text('message'), MAX_NOTE_BYTES));
  return errors;
}

/** The rules for Events of the core group. */
export function validateCoreEvent(event: ApiObject): readonly FieldError[] {
  return validateEvent(event, 'reportingComponent');
}

/** Fields of the older form, which a new Event of events.k8s.io must not have. */
const UNSET_FIELDS: readonly string[] = ['firstTimestamp', 'lastTimestamp', 'count'];

/** The stricter rules for new Events of events.k8s.io, in the stored form (ValidateEventCreate). */
export function validateEventV1(event: ApiObject): readonly FieldError[] {
  const errors = [...validateEvent(event, 'reportingController'), ...seriesErrors(event)];
  const invalid = (field: string, detail: string): FieldError => ({ type: 'Invalid', field, value: '', detail });
  if (!isNewKind(event)) errors.push({ type: 'Required', field: 'eventTime', detail: '' });
  const type = typeof event['type'] === 'string' ? event['type'] : '';
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalid('type', `has invalid value: ${type}`));
  for (const field of UNSET_FIELDS) {
    const value = event[field] ?? 0;
    if (value !== 0) errors.push(invalid(field, 'needs to be unset'));
  }
  const source = isJsonObject(event['source']) ? event['source'] : {};
  if ((source['component'] ?? '') !== '' || (source['host'] ?? '') !== '') {
    errors.push(invalid('source', 'needs to be unset'));
  }
  return errors;
}

/** A series has at least this many Events. */
const LEAST_SERIES_COUNT = 2;

function seriesErrors({ series }: ApiObject): readonly FieldError[] {
  if (!isJsonObject(series)) return [];
  const errors: FieldError[] = [];
  if (Number(series['count'] ?? 0) < LEAST_SERIES_COUNT) {
    errors.push({ type: 'Invalid', field: 'series.count', value: '', detail: 'should be at least 2' });
  }
  if (typeof series['lastObservedTime'] !== 'string') {
    errors.push({ type: 'Required', field: 'series.lastObservedTime', detail: '' });
  }
  return errors;
}

/** The immutable fields of an Event of events.k8s.io, in the order of ValidateEventUpdate. */
const IMMUTABLE_FIELDS: readonly string[] = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
];

/** The rules for changed Events of events.k8s.io: a series may grow, the rest stays (ValidateEventUpdate). */
export function validateEventV1Update(next: ApiObject, current: ApiObject): readonly FieldError[] {
  const errors = [...validateEvent(next, 'reportingController')];
  if (!sameJson(next['series'], current['series'])) errors.push(...seriesErrors(next));
  for (const field of IMMUTABLE_FIELDS) {
    if (sameJson(next[field] ?? null, current[field] ?? null)) continue;
    const shown = field === 'reportingComponent' ? 'reportingController' : field;
    errors.push({ type: 'Invalid', field: shown, value: next[field] ?? '', detail: 'field is immutable' });
  }
  return errors;
}

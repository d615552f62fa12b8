/**
 * Events: one store, served in two forms. They are kept as core/v1; events.k8s.io/v1 is converted at the
 * border (wire recordings events-core and events-v1).
 */

import { type ApiObject, isJsonObject, type JsonObject } from './api-object.ts';
import { EVENTS_V1, type ResourceKind } from './resources.ts';
import type { FieldError } from './status.ts';
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

/** Fields that Go writes even when nothing is in them, with that nothing, per form. */
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

/** The object in the form in which this kind is served; the same object for all kinds but events.k8s.io/v1. */
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

/** The object in the form in which it is kept. */
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

/** What every Event has, in the form in which it is kept. */
export function withEventDefaults(event: ApiObject): ApiObject {
  return { ...ALWAYS_CORE, ...event };
}

/** The rules for Events of the core group. */
export function validateCoreEvent(event: ApiObject): readonly FieldError[] {
  const involved = isJsonObject(event['involvedObject']) ? event['involvedObject'] : {};
  const namespace = typeof involved['namespace'] === 'string' ? involved['namespace'] : '';
  // Objects without a namespace have their Events in `default`.
  const wanted = namespace === '' ? 'default' : namespace;
  if (event.metadata.namespace === wanted) return [];
  return [
    { type: 'Invalid', field: 'involvedObject.namespace', value: namespace, detail: 'does not match event.namespace' },
  ];
}

/** The stricter rules for Events of events.k8s.io, given in the form in which they are kept. */
export function validateEventV1(event: ApiObject): readonly FieldError[] {
  const errors = [...validateCoreEvent(event)];
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
  if (event['eventTime'] === null) errors.push(required('eventTime'));
  const controller = text('reportingComponent');
  if (controller === '') errors.push(required('reportingController'));
  errors.push(...qualifiedNameErrors(controller).map((why) => invalid('reportingController', controller, why)));
  for (const field of ['reportingInstance', 'action', 'reason']) {
    if (text(field) === '') errors.push(required(field));
    errors.push(...bounded(field, text(field), MAX_TEXT_BYTES));
  }
  errors.push(...bounded('message', text('message'), MAX_NOTE_BYTES));
  const type = text('type');
  if (type !== 'Normal' && type !== 'Warning') errors.push(invalid('type', '', `has invalid value: ${type}`));
  return errors;
}

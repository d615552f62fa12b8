/**
 * The validation of Pods, as tables in the order in which a real server checks them. It covers only the fields that
 * tests and elections use; no Pod runs here, so all other fields are accepted.
 */

import { type ApiObject, isJsonObject, type JsonObject, sameJson } from '../objects/api-object.ts';
import type { FieldError } from '../objects/status.ts';
import { nameErrors, validateCoreFinalizers } from './validation.ts';

/** Checks a present value; returns the errors without the name of the field. */
type Check = (value: unknown) => readonly Omit<FieldError, 'field'>[];

function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

const required: Check = (value) => (value === undefined || value === '' ? [{ type: 'Required', detail: '' }] : []);

const label: Check = (value) =>
  nameErrors('label', String(value)).map((detail) => ({ type: 'Invalid', value, detail }));

const subdomain: Check = (value) =>
  nameErrors('subdomain', String(value)).map((detail) => ({ type: 'Invalid', value, detail }));

function oneOf(...supported: readonly string[]): Check {
  const detail = `supported values: ${supported.map((known) => JSON.stringify(known)).join(', ')}`;
  return (value) => (supported.includes(String(value)) ? [] : [{ type: 'NotSupported', value, detail }]);
}

function between(least: number, most: number): Check {
  const detail = `must be between ${least} and ${most}, inclusive`;
  return (value) => (Number(value) >= least && Number(value) <= most ? [] : [{ type: 'Invalid', value, detail }]);
}

const trimmed: Check = (value) => {
  const detail = 'must not have leading or trailing whitespace';
  return String(value) === String(value).trim() ? [] : [{ type: 'Invalid', value, detail }];
};

/** A field and its check; only `required` checks an absent field. */
type Rule = readonly [field: string, check: Check];

const MAX_INT32 = 2_147_483_647;
const MAX_PORT = 65_535;

const PORT_RULES: readonly Rule[] = [
  ['containerPort', required],
  ['containerPort', between(1, MAX_PORT)],
  ['hostPort', between(1, MAX_PORT)],
  ['protocol', oneOf('SCTP', 'TCP', 'UDP')],
];

const CONTAINER_RULES: readonly Rule[] = [
  ['name', required],
  ['name', label],
  ['image', required],
  ['terminationMessagePolicy', oneOf('FallbackToLogsOnError', 'File')],
  ['ports', () => []],
  ['imagePullPolicy', oneOf('Always', 'IfNotPresent', 'Never')],
  ['image', trimmed],
];

const SPEC_RULES: readonly Rule[] = [
  ['restartPolicy', oneOf('Always', 'OnFailure', 'Never')],
  ['dnsPolicy', oneOf('ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None')],
  ['serviceAccountName', subdomain],
  ['nodeName', subdomain],
  ['activeDeadlineSeconds', between(1, MAX_INT32)],
  ['hostname', label],
  ['subdomain', label],
];

function apply(rules: readonly Rule[], object: JsonObject, at: string): readonly FieldError[] {
  return rules.flatMap(([field, check]) => {
    const value = object[field];
    const absent = value === undefined || value === '';
    if (absent && check !== required) return [];
    const own = check(value).map((error) => ({ ...error, field: `${at}.${field}` }));
    if (field !== 'ports') return own;
    return listOf(value).flatMap((port, index) => apply(PORT_RULES, port, `${at}.ports[${index}]`));
  });
}

function validateContainers(spec: JsonObject): readonly FieldError[] {
  const containers = listOf(spec['containers']);
  if (containers.length === 0) return [{ type: 'Required', field: 'spec.containers', detail: '' }];
  return containers.flatMap((container, index) => {
    const at = `spec.containers[${index}]`;
    const value = container['name'];
    const errors = [...apply(CONTAINER_RULES, container, at)];
    if (containers.findIndex((other) => other['name'] === value) !== index) {
      errors.push({ type: 'Duplicate', field: `${at}.name`, value, detail: '' });
    }
    return errors;
  });
}

/** A new Pod, with its defaults. */
export function validatePod(pod: ApiObject): readonly FieldError[] {
  const spec = objectOf(pod.spec);
  return [...validateCoreFinalizers(pod), ...validateContainers(spec), ...apply(SPEC_RULES, spec, 'spec')];
}

/** The part of a Pod's spec that must not change. */
function fixedPart(spec: JsonObject): JsonObject {
  const { activeDeadlineSeconds: _deadline, tolerations: _tolerations, ...rest } = spec;
  const withoutImages = (containers: unknown): readonly JsonObject[] =>
    listOf(containers).map(({ image: _image, ...container }) => container);
  return {
    ...rest,
    containers: withoutImages(spec['containers']),
    initContainers: withoutImages(spec['initContainers']),
  };
}

function validateDeadline(next: JsonObject, current: JsonObject): readonly FieldError[] {
  const [value, before] = [next['activeDeadlineSeconds'], current['activeDeadlineSeconds']];
  if (typeof before !== 'number') return [];
  const field = 'spec.activeDeadlineSeconds';
  if (value === undefined) {
    return [{ type: 'Invalid', field, value: null, detail: 'must not update from a positive integer to nil value' }];
  }
  const detail = 'must be less than or equal to previous value';
  return Number(value) <= before ? [] : [{ type: 'Invalid', field, value, detail }];
}

function validateTolerations(next: JsonObject, current: JsonObject): readonly FieldError[] {
  const withoutSeconds = ({ tolerationSeconds: _seconds, ...rest }: JsonObject): JsonObject => rest;
  const kept = listOf(next['tolerations']).map(withoutSeconds);
  const lost = listOf(current['tolerations']).some(
    (toleration) => !kept.some((other) => sameJson(other, withoutSeconds(toleration))),
  );
  const detail = 'existing toleration can not be modified except its tolerationSeconds';
  return lost ? [{ type: 'Forbidden', field: 'spec.tolerations', detail }] : [];
}

/** A changed Pod: most of its spec is immutable (wire recording pod-update). A real server also shows the difference. */
export function validatePodUpdate(pod: ApiObject, previous: ApiObject): readonly FieldError[] {
  const [next, current] = [objectOf(pod.spec), objectOf(previous.spec)];
  const errors = [...validateCoreFinalizers(pod)];
  if (listOf(next['containers']).length !== listOf(current['containers']).length) {
    return [
      ...errors,
      { type: 'Forbidden', field: 'spec.containers', detail: 'pod updates may not add or remove containers' },
    ];
  }
  listOf(next['containers']).forEach((container, index) => {
    errors.push(...apply([['image', required]], container, `spec.containers[${index}]`));
  });
  errors.push(...validateDeadline(next, current), ...validateTolerations(next, current));
  if (errors.length > 0 || sameJson(fixedPart(next), fixedPart(current))) return errors;
  const detail =
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
    '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
    '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';
  return [{ type: 'Forbidden', field: 'spec', detail }];
}

/**
 * The rules for metadata that all kinds share, and those for the content of Leases, as tables. decoding.ts checks the
 * types of the fields; the rules for Pods are in pod-validation.ts.
 */

import { type ApiObject, isJsonObject, type ObjectMeta, sameJson } from '../objects/api-object.ts';
import type { ResourceKind } from '../objects/resources.ts';
import { type FieldError, Verbatim } from '../objects/status.ts';

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const SUBDOMAIN_MESSAGE =
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
  "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_MESSAGE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_MESSAGE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " +
  "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
  "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_MESSAGE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is " +
  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Longest name of an object, in bytes. */
const MAX_SUBDOMAIN_LENGTH = 253;
/** In bytes: the longest name of a namespace, the longest name of a label without its prefix, and its longest value. */
const MAX_LABEL_LENGTH = 63;
/** All annotations of an object together, keys and values, in bytes (wire recording http-large-body). */
const MAX_ANNOTATIONS_BYTES = 262_144;

/** The rule for the names of a kind. */
export type NameRule = 'subdomain' | 'label' | 'pathSegment';

/** The errors of a name. */
export function nameErrors(rule: NameRule, name: string): readonly string[] {
  if (rule === 'pathSegment') {
    const errors: string[] = [];
    if (name === '.' || name === '..') errors.push(`may not be '${name}'`);
    for (const character of ['/', '%']) if (name.includes(character)) errors.push(`may not contain '${character}'`);
    return errors;
  }
  const [longest, pattern, message]: readonly [number, RegExp, string] =
    rule === 'label' ? [MAX_LABEL_LENGTH, LABEL, LABEL_MESSAGE] : [MAX_SUBDOMAIN_LENGTH, SUBDOMAIN, SUBDOMAIN_MESSAGE];
  const errors: string[] = [];
  if (Buffer.byteLength(name) > longest) errors.push(`must be no more than ${longest} characters`);
  if (!pattern.test(name)) errors.push(rule === 'label' && SUBDOMAIN.test(name) ? 'must not contain dots' : message);
  return errors;
}

/**
 * The message for keys and values of labels. The message for names of objects has "characters", although both count
 * bytes: two packages check them (kubernetes: apimachinery/pkg/api/validate/content/errors.go, and
 * pkg/util/validation).
 */
function tooLong(longest: number): string {
  return `must be no more than ${longest} bytes`;
}

/** The errors of the prefix of a key. */
function prefixErrors(prefix: string): readonly string[] {
  const errors = nameErrors('subdomain', prefix).filter((why) => why === SUBDOMAIN_MESSAGE);
  return Buffer.byteLength(prefix) > MAX_SUBDOMAIN_LENGTH ? [tooLong(MAX_SUBDOMAIN_LENGTH), ...errors] : errors;
}

/** The errors of a key of a label or annotation: an optional DNS prefix, a slash, and a name. */
export function qualifiedNameErrors(key: string): readonly string[] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const errors: string[] = [];
  if (parts.length > 2) {
    return [
      'a qualified name must consist of alphanumeric characters, ' +
        "'-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or " +
        "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS " +
        "subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  }
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined) errors.push(...prefixErrors(prefix).map((why) => `prefix part ${why}`));
  if (name === '') errors.push('name part must be non-empty');
  else if (Buffer.byteLength(name) > MAX_LABEL_LENGTH) errors.push(`name part ${tooLong(MAX_LABEL_LENGTH)}`);
  if (!QUALIFIED_PART.test(name)) errors.push(QUALIFIED_MESSAGE);
  return errors;
}

/** The errors of the value of a label. */
export function labelValueErrors(value: string): readonly string[] {
  const errors: string[] = [];
  if (Buffer.byteLength(value) > MAX_LABEL_LENGTH) errors.push(tooLong(MAX_LABEL_LENGTH));
  if (!LABEL_VALUE.test(value)) errors.push(LABEL_VALUE_MESSAGE);
  return errors;
}

function invalidField(field: string, value: unknown, detail: string): FieldError {
  return { type: 'Invalid', field, value, detail };
}

/** All errors of the metadata of a new object; they are checked again for a changed one. */
export function validateMetadata(metadata: ObjectMeta, nameRule: NameRule): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (metadata.generateName !== undefined) {
    // A prefix may end with a dash, because random letters follow it.
    const prefix = metadata.generateName.replace(/-$/, 'a');
    for (const why of nameErrors(nameRule, prefix)) {
      errors.push(invalidField('metadata.generateName', metadata.generateName, why));
    }
  }
  if (metadata.name === '') {
    errors.push({ type: 'Required', field: 'metadata.name', detail: 'name or generateName is required' });
  } else {
    for (const why of nameErrors(nameRule, metadata.name)) {
      errors.push(invalidField('metadata.name', metadata.name, why));
    }
  }
  if ((metadata.generation ?? 0) < 0) {
    errors.push(invalidField('metadata.generation', metadata.generation, 'must be greater than or equal to 0'));
  }
  errors.push(...validateMaps(metadata), ...validateFinalizers(metadata.finalizers ?? []));
  return errors;
}

/** The rules for the maps of every new and every changed object. */
function validateMaps(metadata: ObjectMeta): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    for (const why of qualifiedNameErrors(key)) errors.push(invalidField('metadata.labels', key, why));
    for (const why of labelValueErrors(value)) errors.push(invalidField('metadata.labels', value, why));
  }
  return [...errors, ...validateAnnotations(metadata.annotations ?? {}), ...validateOwnerReferences(metadata)];
}

/** Finalizers that need no prefix. */
const STANDARD_FINALIZERS: readonly string[] = ['kubernetes', 'orphan', 'foregroundDeletion'];

function validateFinalizers(finalizers: readonly string[]): readonly FieldError[] {
  const field = 'metadata.finalizers';
  const errors = finalizers.flatMap((finalizer) =>
    qualifiedNameErrors(finalizer).map((why) => invalidField(field, finalizer, why)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalidField(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return errors;
}

/** Kinds of the core group accept some finalizers without a prefix; all others need one. */
export function validateCoreFinalizers({ metadata }: ApiObject): readonly FieldError[] {
  return (metadata.finalizers ?? []).flatMap((finalizer, index) =>
    finalizer.includes('/') || STANDARD_FINALIZERS.includes(finalizer)
      ? []
      : [
          invalidField(
            `metadata.finalizers[${index}]`,
            finalizer,
            'name is neither a standard finalizer name nor is it fully qualified',
          ),
        ],
  );
}

function validateAnnotations(annotations: Readonly<Record<string, string>>): readonly FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    for (const why of qualifiedNameErrors(key.toLowerCase())) {
      errors.push(invalidField('metadata.annotations', key, why));
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ANNOTATIONS_BYTES) {
    const detail = `may not be more than ${MAX_ANNOTATIONS_BYTES} bytes`;
    errors.push({ type: 'TooLong', field: 'metadata.annotations', detail });
  }
  return errors;
}

function validateOwnerReferences(metadata: ObjectMeta): readonly FieldError[] {
  const errors: FieldError[] = [];
  const field = 'metadata.ownerReferences';
  const references = metadata.ownerReferences ?? [];
  for (const reference of references) {
    const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
    const parts = apiVersion.split('/');
    const version = parts.length > 2 ? '' : (parts.at(-1) ?? '');
    if (version === '') errors.push(invalidField(`${field}.apiVersion`, apiVersion, 'version must not be empty'));
    if (kind === '') errors.push(invalidField(`${field}.kind`, kind, 'must not be empty'));
    if (name === '') errors.push(invalidField(`${field}.name`, name, 'must not be empty'));
    if (uid === '') errors.push(invalidField(`${field}.uid`, uid, 'must not be empty'));
    if (kind === 'Event' && (apiVersion === 'v1' || apiVersion === 'events.k8s.io/v1')) {
      const group = parts.length > 1 ? parts[0] : '';
      errors.push(
        invalidField(field, reference, `${group}/${version}, Kind=${kind} is disallowed from being an owner`),
      );
    }
  }
  const [first, second] = references.filter((reference) => reference.controller === true);
  if (first !== undefined && second !== undefined) {
    const detail =
      'Only one reference can have Controller set to true. Found "true" in references for ' +
      `${first.kind}/${first.name} and ${second.kind}/${second.name}`;
    errors.push(invalidField(field, references, detail));
  }
  return errors;
}

const IMMUTABLE_METADATA = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** All errors of the metadata of a changed object, in the order in which a real server reports them. */
export function validateMetadataUpdate(next: ObjectMeta, current: ObjectMeta): readonly FieldError[] {
  const common = [
    ...validateAddedFinalizers(next, current),
    ...IMMUTABLE_METADATA.filter((field) => next[field] !== current[field]).map((field) =>
      invalidField(`metadata.${field}`, shownValue(next[field]), 'field is immutable'),
    ),
    ...validateMaps(next),
  ];
  // Reported twice, because a real server checks this twice (wire recording lease-delete-finalizers).
  return [...common, ...common];
}

function validateAddedFinalizers(next: ObjectMeta, current: ObjectMeta): readonly FieldError[] {
  if (current.deletionTimestamp === undefined) return [];
  const before = new Set(current.finalizers ?? []);
  const added = (next.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
  if (added.length === 0) return [];
  const list = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`;
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
  return [{ type: 'Forbidden', field: 'metadata.finalizers', detail }];
}

/** Times in the format in which Go prints them. */
function shownValue(value: string | number | undefined): unknown {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT.*Z$/.test(value)) return value ?? '';
  return new Verbatim(`${value.replace('T', ' ').replace('Z', '')} +0000 UTC`);
}

/** Bounds of the numbers in a Lease's spec (fact 8). */
const LEASE_BOUNDS: readonly (readonly [field: string, least: number, detail: string])[] = [
  ['leaseDurationSeconds', 1, 'must be greater than 0'],
  ['leaseTransitions', 0, 'must be greater than or equal to 0'],
];

/** The content of a Lease. */
export function validateLease(lease: ApiObject): readonly FieldError[] {
  const spec = isJsonObject(lease.spec) ? lease.spec : {};
  return LEASE_BOUNDS.flatMap(([field, least, detail]) => {
    const value = spec[field];
    return typeof value === 'number' && value < least ? [invalidField(`spec.${field}`, value, detail)] : [];
  });
}

/** A role reference cannot be changed; the binding has to be created again. */
export function validateRoleRefUpdate(next: ApiObject, current: ApiObject): readonly FieldError[] {
  if (sameJson(next['roleRef'], current['roleRef'])) return [];
  return [invalidField('roleRef', next['roleRef'], 'cannot change roleRef')];
}

/** The rule for the names of a kind. */
export function nameRuleOf(kind: ResourceKind): NameRule {
  if (kind.resource === 'namespaces') return 'label';
  return kind.group === 'rbac.authorization.k8s.io' ? 'pathSegment' : 'subdomain';
}

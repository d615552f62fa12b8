/**
 * Field selectors: parses them and tests whether they select an object. Label selectors are in
 * label-selector.ts.
 */

import type { ApiObject } from '../objects/api-object.ts';
import { PODS, type ResourceKind } from '../objects/resources.ts';
import { badRequest } from '../objects/status.ts';

/** Whether an object is selected. */
export type Selection = (object: ApiObject) => boolean;

const METADATA_FIELDS: readonly string[] = ['metadata.name', 'metadata.namespace'];
const POD_FIELDS: readonly string[] = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'spec.host',
  'status.phase',
  'status.podIP',
  'status.nominatedNodeName',
];
/** Old names of fields. */
const FIELD_ALIASES: Readonly<Record<string, string>> = { 'spec.host': 'spec.nodeName', name: 'metadata.name' };
const EVENT_FIELDS: readonly string[] = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'source',
  'type',
];

function fieldsOf(kind: ResourceKind): readonly string[] {
  if (kind === PODS) return [...METADATA_FIELDS, ...POD_FIELDS];
  if (kind.resource === 'events') return [...METADATA_FIELDS, ...EVENT_FIELDS];
  if (kind.resource === 'namespaces') return ['metadata.name', 'status.phase', 'name'];
  return METADATA_FIELDS;
}

function fieldValue(object: ApiObject, steps: readonly string[]): string {
  let value: unknown = object;
  for (const step of steps) {
    if (typeof value !== 'object' || value === null) return '';
    value = (value as Record<string, unknown>)[step];
  }
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? value : '';
}

const OPERATORS = ['!=', '==', '='] as const;

interface Term {
  readonly field: string;
  readonly operator: (typeof OPERATORS)[number];
  readonly value: string;
}

/**
 * Reads a field selector: `field=value`, `==` or `!=`, joined by commas.
 *
 * Throws 400 for a field by which the kind cannot be selected.
 */
export function parseFieldSelector(kind: ResourceKind, text: string): Selection {
  // A comma after a backslash belongs to a value. Sorted, because a real server reports errors in this order.
  const parts = (text.match(/(?:\\.|[^\\,]|\\$)+/g) ?? []).sort();
  const terms = parts.map((part) => readTerm(text, part));
  const checks = terms.map(({ field, operator, value }): Selection => {
    if (!fieldsOf(kind).includes(field)) throw unknownField(kind, field);
    const steps = (FIELD_ALIASES[field] ?? field).split('.');
    const wanted = operator !== '!=';
    const otherwise = field === 'spec.hostNetwork' ? 'false' : '';
    return (object) => ((fieldValue(object, steps) || otherwise) === value) === wanted;
  });
  return (object) => checks.every((check) => check(object));
}

function readTerm(text: string, part: string): Term {
  for (let at = 0; at < part.length; at += 1) {
    const operator = OPERATORS.find((candidate) => part.startsWith(candidate, at));
    if (operator === undefined) continue;
    return { field: part.slice(0, at), operator, value: unescapeValue(part.slice(at + operator.length)) };
  }
  throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
}

/** Undoes the backslashes in front of commas, equals signs and backslashes in a value. */
function unescapeValue(text: string): string {
  let value = '';
  for (let at = 0; at < text.length; at += 1) {
    let character = text[at] ?? '';
    if (character === '=') {
      throw badRequest(`invalid field selector: unescaped character in value: ${character.charCodeAt(0)}`);
    }
    if (character === '\\') {
      at += 1;
      character = text[at] ?? '';
      if (!['\\', ',', '='].includes(character)) {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${character}`);
      }
    }
    value += character;
  }
  return value;
}

function unknownField(kind: ResourceKind, field: string): Error {
  if (kind === PODS || kind.resource === 'events' || kind.resource === 'namespaces') {
    return badRequest(`field label not supported: ${field}`);
  }
  const known = METADATA_FIELDS.map((name) => JSON.stringify(name)).join(', ');
  return badRequest(`${JSON.stringify(field)} is not a known field selector: only ${known}`);
}

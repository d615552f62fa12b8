/**
 * Label and field selectors: reading them and asking whether an object is selected.
 */

import type { ApiObject } from './api-object.ts';
import { PODS, type ResourceKind } from './resources.ts';
import { badRequest } from './status.ts';

/** Whether an object is selected. */
export type Selection = (object: ApiObject) => boolean;

const METADATA_FIELDS: readonly string[] = ['metadata.name', 'metadata.namespace'];
const POD_FIELDS: readonly string[] = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'spec.hostNetwork',
  'status.phase',
  'status.podIP',
  'status.nominatedNodeName',
];
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

/**
 * Reads a field selector: `field=value`, `==` or `!=`, joined by commas.
 *
 * Throws 400 for a field that the kind cannot be selected by.
 */
export function parseFieldSelector(kind: ResourceKind, text: string): Selection {
  const terms = text.split(',').filter((term) => term !== '');
  const checks = terms.map((term): Selection => {
    const match = /^([^=!]*)(==|=|!=)(.*)$/.exec(term);
    if (match === null) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const [, field = '', operator, value = ''] = match;
    if (!fieldsOf(kind).includes(field)) throw unknownField(kind, field);
    const steps = field.split('.');
    const wanted = value.replace(/\\([,=\\])/g, '$1');
    return operator === '!='
      ? (object) => fieldValue(object, steps) !== wanted
      : (object) => fieldValue(object, steps) === wanted;
  });
  return (object) => checks.every((check) => check(object));
}

function unknownField(kind: ResourceKind, field: string): Error {
  if (kind === PODS || kind.resource === 'events' || kind.resource === 'namespaces') {
    return badRequest(`field label not supported: ${field}`);
  }
  const known = METADATA_FIELDS.map((name) => JSON.stringify(name)).join(', ');
  return badRequest(`${JSON.stringify(field)} is not a known field selector: only ${known}`);
}

/** Reads a label selector: equality and set-based requirements, joined by commas. */
export function parseLabelSelector(text: string): Selection {
  const checks = new LabelSelectorParser(text).requirements();
  return (object) => checks.every((check) => check(object.metadata.labels ?? {}));
}

type LabelCheck = (labels: Readonly<Record<string, string>>) => boolean;

const TOKEN = /\s*(==|!=|=|!|\(|\)|,|>|<|[^\s=!(),<>]+)/y;

class LabelSelectorParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    const tokens: string[] = [];
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) tokens.push(match[1] ?? '');
    this.#tokens = tokens;
  }

  requirements(): readonly LabelCheck[] {
    const checks: LabelCheck[] = [];
    if (this.#tokens.length === 0) return checks;
    for (;;) {
      checks.push(this.#requirement());
      const next = this.#next();
      if (next === '') return checks;
      if (next !== ',') throw badRequest(`found '${next}', expected: ',' or 'end of string'`);
    }
  }

  #next(): string {
    const token = this.#tokens[this.#at] ?? '';
    this.#at += 1;
    return token;
  }

  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #requirement(): LabelCheck {
    if (this.#peek() === '!') {
      this.#next();
      const absent = this.#key();
      return (labels) => !(absent in labels);
    }
    const key = this.#key();
    const operator = this.#peek();
    if (operator === '' || operator === ',') return (labels) => key in labels;
    this.#next();
    if (operator === '=' || operator === '==') {
      const value = this.#value();
      return (labels) => labels[key] === value;
    }
    if (operator === '!=') {
      const value = this.#value();
      return (labels) => labels[key] !== value;
    }
    if (operator === 'in' || operator === 'notin') {
      const values = this.#values();
      const wanted = operator === 'in';
      return (labels) => (key in labels && values.has(labels[key] ?? '')) === wanted;
    }
    if (operator === '>' || operator === '<') {
      const bound = Number(this.#value());
      return (labels) =>
        key in labels && (operator === '>' ? Number(labels[key]) > bound : Number(labels[key]) < bound);
    }
    throw parseError(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
  }

  #key(): string {
    const key = this.#next();
    if (key === '' || /^[=!(),<>]/.test(key))
      throw parseError(`found '${key}', expected: !, identifier, or 'end of string'`);
    return key;
  }

  #value(): string {
    const value = this.#peek();
    if (value === '' || value === ',') return '';
    if (/^[=!()<>]/.test(value)) throw parseError(`found '${value}', expected: identifier`);
    return this.#next();
  }

  #values(): ReadonlySet<string> {
    const open = this.#next();
    if (open !== '(') throw parseError(`found '${open}' expected: '('`);
    const values = new Set<string>();
    for (;;) {
      const token = this.#next();
      if (token === ')') return values;
      if (token === '') throw parseError(`found '', expected: ',', or ')'`);
      if (token !== ',') values.add(token);
    }
  }
}

function parseError(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}

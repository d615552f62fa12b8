/**
 * Label selectors, parsed as by Kubernetes' own parser (k8s.io/apimachinery/pkg/labels): the same
 * language and the same error messages.
 */

import { labelValueErrors, qualifiedNameErrors } from '../kinds/validation.ts';
import type { ApiObject } from '../objects/api-object.ts';
import { badRequest } from '../objects/status.ts';

type Labels = Readonly<Record<string, string>>;
type LabelCheck = (labels: Labels) => boolean;

/** Whether the value of a label, undefined when there is no such label, satisfies an operator. */
type Operator = (value: string | undefined, wanted: ReadonlySet<string>) => boolean;

const isOneOf: Operator = (value, wanted) => value !== undefined && wanted.has(value);
const isNoneOf: Operator = (value, wanted) => value === undefined || !wanted.has(value);

function compares(holds: (value: bigint, bound: bigint) => boolean): Operator {
  return (value, wanted) => {
    const [bound = ''] = wanted;
    return value !== undefined && isInteger(value) && holds(BigInt(value), BigInt(bound));
  };
}

const OPERATORS = new Map<string, Operator>([
  ['in', isOneOf],
  ['notin', isNoneOf],
  ['=', isOneOf],
  ['==', isOneOf],
  ['!=', isNoneOf],
  ['>', compares((value, bound) => value > bound)],
  ['<', compares((value, bound) => value < bound)],
]);
const OPERATOR_NAMES = 'in, notin, =, ==, !=, gt, lt';
const SET_OPERATORS: readonly string[] = ['in', 'notin'];
const ORDER_OPERATORS: readonly string[] = ['>', '<'];

const TOKEN = /\s*(==|!=|=|!|\(|\)|,|>|<|[^\s=!(),<>]+)/y;
const SYMBOL = /^[=!(),<>]/;

function isInteger(text: string): boolean {
  return /^-?\d+$/.test(text);
}

/** Reads a label selector. Throws 400. */
export function parseLabelSelector(text: string): (object: ApiObject) => boolean {
  const checks = new LabelSelectorParser(text).requirements();
  return (object) => checks.every((check) => check(object.metadata.labels ?? {}));
}

class LabelSelectorParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = [...text.matchAll(new RegExp(TOKEN, 'g'))].map((match) => match[1] ?? '');
  }

  requirements(): readonly LabelCheck[] {
    const checks: LabelCheck[] = [];
    while (this.#peek() !== '') {
      if (!isIdentifier(this.#peek()) && this.#peek() !== '!') {
        throw badRequest(`found '${this.#peek()}', expected: !, identifier, or 'end of string'`);
      }
      checks.push(this.#requirement());
      const separator = this.#next();
      if (separator === '') break;
      if (separator !== ',') throw badRequest(`found '${separator}', expected: ',' or 'end of string'`);
      if (!isIdentifier(this.#peek()) && this.#peek() !== '!') {
        throw badRequest(`found '${this.#peek()}', expected: identifier after ','`);
      }
    }
    return checks;
  }

  /** The next token; empty at the end. */
  #peek(): string {
    return this.#tokens[this.#at] ?? '';
  }

  #next(): string {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #requirement(): LabelCheck {
    const absent = this.#peek() === '!';
    if (absent) this.#next();
    const key = this.#next();
    if (!isIdentifier(key)) throw unparsable(`found '${key}', expected: identifier`);
    const errors = qualifiedNameErrors(key);
    if (errors.length > 0) throw unparsable(invalidValue('<nil>', key, errors));
    const ends = this.#peek() === '' || this.#peek() === ',';
    if (absent) return (labels) => !Object.hasOwn(labels, key);
    if (ends) return (labels) => Object.hasOwn(labels, key);
    const name = this.#next();
    const operator = OPERATORS.get(name);
    if (operator === undefined) throw unparsable(`found '${name}', expected: ${OPERATOR_NAMES}`);
    const wanted = SET_OPERATORS.includes(name) ? this.#values() : new Set([this.#value()]);
    checkValues(key, name, wanted);
    return (labels) => operator(Object.hasOwn(labels, key) ? labels[key] : undefined, wanted);
  }

  #value(): string {
    const value = this.#peek();
    if (value === '' || value === ',') return '';
    if (!isIdentifier(value)) throw unparsable(`found '${value}', expected: identifier`);
    return this.#next();
  }

  /** `(a, b)`; a comma without a value on one side stands for the empty value. */
  #values(): ReadonlySet<string> {
    const open = this.#next();
    if (open !== '(') throw unparsable(`found '${open}' expected: '('`);
    const values = new Set<string>();
    if (this.#peek() === ')') {
      this.#next();
      return values;
    }
    if (this.#peek() !== ',' && !isIdentifier(this.#peek())) {
      throw unparsable(`found '${this.#peek()}', expected: ',', ')' or identifier`);
    }
    for (;;) {
      values.add(isIdentifier(this.#peek()) ? this.#next() : '');
      const separator = this.#next();
      if (separator === ')') return values;
      if (separator !== ',') throw unparsable(`found '${separator}', expected: ',' or ')'`);
      if (this.#peek() !== ')' && this.#peek() !== ',' && !isIdentifier(this.#peek())) {
        throw unparsable(`found '${this.#peek()}', expected: ',', or identifier`);
      }
    }
  }
}

function isIdentifier(token: string): boolean {
  return token !== '' && !SYMBOL.test(token);
}

function checkValues(key: string, operator: string, values: ReadonlySet<string>): void {
  const errors: string[] = [];
  if (SET_OPERATORS.includes(operator) && values.size === 0) {
    errors.push("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
  }
  [...values].sort().forEach((value, index) => {
    if (ORDER_OPERATORS.includes(operator) && !isInteger(value)) {
      errors.push(invalidValue(`values[${index}]`, value, ["for 'Gt', 'Lt' operators, the value must be an integer"]));
    }
    const invalid = labelValueErrors(value);
    if (invalid.length > 0) errors.push(invalidValue(`values[${index}][${key}]`, value, invalid));
  });
  const [first] = errors;
  if (first !== undefined) throw unparsable(errors.length === 1 ? first : `[${errors.join(', ')}]`);
}

function invalidValue(field: string, value: string, errors: readonly string[]): string {
  return `${field}: Invalid value: ${JSON.stringify(value)}: ${errors.join('; ')}`;
}

function unparsable(why: string): Error {
  return badRequest(`unable to parse requirement: ${why}`);
}

/**
 * What a namespace, a Pod and a Lease can be called (Kubernetes, "Object Names and IDs").
 *
 * A name goes into the path of a request, where `.` and `..` would name something else. So it is checked wherever it
 * comes from: an option, the environment, the token's claims, an owner reference.
 */

import { LeaseElectorError, type LeaseElectorErrorCode } from '../errors.ts';
import { quote } from '../runtime/quotation.ts';
import { UID } from './api-object.ts';

/** What a name is for. */
export type NamedKind = 'Lease' | 'Pod' | 'namespace' | 'uid';

const PART = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';

interface NameRule {
  readonly pattern: RegExp;
  readonly longest: number;
  readonly expected: string;
}

/** RFC 1123 subdomain. */
const SUBDOMAIN: NameRule = {
  pattern: new RegExp(`^${PART}(\\.${PART})*$`),
  longest: 253,
  expected:
    'at most 253 lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit',
};

/** RFC 1123 label. */
const LABEL: NameRule = {
  pattern: new RegExp(`^${PART}$`),
  longest: 63,
  expected: 'at most 63 lower-case letters, digits and "-", beginning and ending with a letter or digit',
};

const RULES: Readonly<Record<NamedKind, NameRule>> = {
  Lease: SUBDOMAIN,
  Pod: SUBDOMAIN,
  namespace: LABEL,
  uid: { pattern: UID, longest: 253, expected: 'at most 253 printable characters without white space' },
};

/** What is expected of such a name, for a message. */
export function expectedName(kind: NamedKind): string {
  return RULES[kind].expected;
}

/** Whether something of this kind can be called so. */
export function isName(kind: NamedKind, name: string): boolean {
  const { pattern, longest } = RULES[kind];
  return name.length <= longest && pattern.test(name);
}

/**
 * The name itself when something of this kind can have it.
 *
 * @param source where it came from, for the message.
 * @throws LeaseElectorError with `code`
 */
export function checkedName(
  kind: NamedKind,
  name: string,
  source: string,
  code: LeaseElectorErrorCode = 'ERR_LEASE_ELECTOR_IDENTITY',
): string {
  if (isName(kind, name)) return name;
  const impossible = kind === 'uid' ? 'No Pod can have the uid' : `No ${kind} can be called`;
  throw new LeaseElectorError(code, `${impossible} ${quote(name)} (from ${source}): expected ${expectedName(kind)}`);
}

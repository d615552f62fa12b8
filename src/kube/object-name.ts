/**
 * The valid names of namespaces, Pods and Leases (Kubernetes, "Object Names and IDs").
 *
 * A name becomes part of the path of a request, where `.` and `..` would lead to another object. Every name is
 * therefore checked, whether it is from an option, the environment, the token's claims or an owner reference.
 */

import { LeaseElectorError, type LeaseElectorErrorCode } from '../errors.ts';
import { quote } from '../runtime/quotation.ts';
import { UID } from './api-object.ts';

/** The kind of object that a name belongs to. */
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

/** The expected form of such a name, for a message. */
export function expectedName(kind: NamedKind): string {
  return RULES[kind].expected;
}

/** Whether the name is valid for this kind. */
export function isName(kind: NamedKind, name: string): boolean {
  const { pattern, longest } = RULES[kind];
  return name.length <= longest && pattern.test(name);
}

/**
 * Returns the name if it is valid for this kind.
 *
 * @param source the source of the name, for the message.
 * @throws LeaseElectorError with `code`
 */
export function checkedName(
  kind: NamedKind,
  name: string,
  source: string,
  code: LeaseElectorErrorCode = 'ERR_LEASE_ELECTOR_IDENTITY',
): string {
  if (isName(kind, name)) return name;
  const impossible = kind === 'uid' ? 'Invalid Pod uid' : `Invalid ${kind} name`;
  throw new LeaseElectorError(code, `${impossible} ${quote(name)} (from ${source}): expected ${expectedName(kind)}`);
}

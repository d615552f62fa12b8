/**
 * The valid keys of labels (Kubernetes, "Labels and Selectors").
 */

import { isName } from './object-name.ts';

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const LONGEST_NAME = 63;

/** The prefixes that Kubernetes reserves, together with their subdomains. */
const RESERVED = /(^|\.)(kubernetes|k8s)\.io$/;

/** The expected form of such a key, for a message. */
export const EXPECTED_LABEL_KEY: string =
  'the key of a label, such as app.example.com/leader: an optional DNS name and "/", then at most 63 letters, digits, ' +
  '"-", "_" and ".", beginning and ending with a letter or digit; the DNS name is not one of kubernetes.io or k8s.io';

/** Whether a label can have this key, and Kubernetes does not reserve it. */
export function isLabelKey(key: string): boolean {
  const [name = '', prefix, ...more] = key.split('/').reverse();
  if (more.length > 0 || name.length > LONGEST_NAME || !NAME.test(name)) return false;
  // The name of a Lease and the prefix of a label are both RFC 1123 subdomains.
  return prefix === undefined || (isName('Lease', prefix) && !RESERVED.test(prefix));
}

/**
 * The addresses and names of this machine. The leader is returned only on these addresses and under these names, unless
 * an option permits others.
 */

import { isIPv4 } from 'node:net';

/** Both addresses, because the meaning of `localhost` differs from program to program. */
export const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '::1'];

/** Whether an address, in the form that a socket reports, is a loopback address. */
export function isLoopbackAddress(address: string): boolean {
  // A socket that listens on `::` reports IPv4 addresses in this form.
  const plain = address.replace(/^::ffff:/i, '');
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

/** The addresses on which the endpoint listens for the option `host`. They always include loopback addresses. */
export function hostsFor(host: string | undefined): readonly string[] {
  if (host === undefined || host === 'localhost') return LOOPBACK_HOSTS;
  // `::` also accepts connections of IPv4.
  if (host === '::' || isLoopbackAddress(host)) return [host];
  return host === '0.0.0.0' ? [host, '::1'] : [host, ...LOOPBACK_HOSTS];
}

/** Whether the `Host` of a request, or the authority of its URL, names this machine; its port is not compared. */
export function isLoopbackAuthority(authority: string): boolean {
  const name = authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isLoopbackAddress(name.replace(/^\[(.*)\]$/, '$1'));
}

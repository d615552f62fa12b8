/** The parts of every explanation: names, times, and kubectl commands. */

import type { ElectionConfig } from '../core/state.ts';

/** The Lease by its name. */
export function leaseOf({ namespace, leaseName }: ElectionConfig): string {
  return `Lease ${namespace}/${leaseName}`;
}

/** The event that ends the term of a leader that does not release its Lease. */
export function endOfLife({ succession }: ElectionConfig): string {
  return succession === 'pod-stopped' ? 'its Pod stops or is deleted' : 'its Pod is deleted';
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** Returns `null` for a value that a Date cannot hold: an object of the API may have any value. */
export function toDate(wallMs: number | null): Date | null {
  const date = new Date(wallMs ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Formats a moment for a sentence. */
export function at(wallMs: number | null): string {
  return toDate(wallMs)?.toISOString() ?? 'an unknown moment';
}

/**
 * Replaces the characters in names of API objects that a log or a terminal must not show: control characters, and
 * characters that change the order of the letters around them.
 */
export function printable(sentence: string): string {
  return sentence.replace(/[\p{Cc}\p{Bidi_C}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ');
}

/** A DNS name. Kubernetes permits nothing else, but a program that writes a Lease could name any owner. */
const NAME = /^[a-z0-9][a-z0-9.-]*$/;

/** A command to copy into a shell; `null` when the name is not safe in a shell. */
export function kubectlDelete(resource: 'pod' | 'lease', name: string, namespace: string, force = ''): string | null {
  return NAME.test(name) ? `kubectl delete ${resource} ${name} -n ${namespace}${force}` : null;
}

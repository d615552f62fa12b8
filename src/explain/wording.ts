/**
 * The words that every explanation is made of: names, times, and kubectl commands.
 */

import type { ElectionConfig } from '../core/state.ts';

/** The Lease by its name. */
export function leaseOf({ namespace, leaseName }: ElectionConfig): string {
  return `Lease ${namespace}/${leaseName}`;
}

/** What ends a leader's life against its will. */
export function endOfLife({ succession }: ElectionConfig): string {
  return succession === 'pod-stopped' ? 'its Pod stops or is deleted' : 'its Pod is deleted';
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** `null` for what no Date can hold: an object of the API may say anything. */
export function toDate(wallMs: number | null): Date | null {
  const date = new Date(wallMs ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** A moment, for a sentence. */
export function at(wallMs: number | null): string {
  return toDate(wallMs)?.toISOString() ?? 'an unknown moment';
}

/**
 * For a log or a terminal, whatever the names in an object of the API hold: a control character, or one that changes the
 * order of the letters around it.
 */
export function printable(sentence: string): string {
  return sentence.replace(/[\p{Cc}\p{Bidi_C}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ');
}

/** A DNS name, which is all that Kubernetes allows; whoever may write a Lease could name an owner otherwise. */
const NAME = /^[a-z0-9][a-z0-9.-]*$/;

/** A command to copy into a shell; `null` when the name is none that a shell should be given. */
export function kubectlDelete(resource: 'pod' | 'lease', name: string, namespace: string, force = ''): string | null {
  return NAME.test(name) ? `kubectl delete ${resource} ${name} -n ${namespace}${force}` : null;
}

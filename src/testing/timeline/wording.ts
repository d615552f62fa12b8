/**
 * Each event in words: for the tooltip, for the list, and for readers who do not see the picture.
 */

import type { TimelineEvent, TimelineEventOf, TimelineProcess } from './timeline-event.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The meaning of a write to a Lease. A renewal changes only its time. */
export type LeaseChange = 'found' | 'created' | 'restored' | 'given' | 'released' | 'renewed';

/** The subject of an event and what happened to it. */
export type Words = readonly [who: string, what: string];

/** A moment for people: seconds with milliseconds, and minutes and hours if there are any. */
export function wordsOfTime(ms: number): string {
  const whole = Math.round(Math.max(0, ms));
  const seconds = (whole % MINUTE_MS) / 1000;
  if (whole < MINUTE_MS) return `${seconds.toFixed(3)} s`;
  const minutes = Math.floor((whole % HOUR_MS) / MINUTE_MS);
  const rest = `${String(minutes).padStart(whole < HOUR_MS ? 1 : 2, '0')}:${seconds.toFixed(3).padStart(6, '0')}`;
  return whole < HOUR_MS ? `${rest} min` : `${Math.floor(whole / HOUR_MS)}:${rest} h`;
}

/** The name of a process, or of its Pod when it has none. */
function nameOf({ pod, process }: TimelineProcess): string {
  return process ?? pod.name;
}

/** The words of a change of a Lease. */
export function wordsOfLease(event: TimelineEventOf<'leaseWritten'>, change: LeaseChange): Words {
  const { lease, owner, holder, revision, by } = event;
  const holds = owner === null ? `held by ${holder || 'nobody'}, owned by no Pod` : `owned by ${owner.name}`;
  const writer = by === undefined ? '' : ` by ${by}`;
  const texts: Readonly<Record<LeaseChange, string>> = {
    found: `is found: ${holds} (revision ${revision})`,
    created: `is created${writer}, ${holds} (revision ${revision})`,
    restored: `is restored by its holder${by === undefined || by === owner?.name ? '' : ` ${by}`}, ${holds} (revision ${revision})`,
    given: `changes hands${writer}: now ${holds} (revision ${revision})`,
    released: `is released${writer}`,
    renewed: `is renewed${writer}`,
  };
  return [leaseName(lease), texts[change]];
}

/** The words of an event, except for writes to a Lease. */
export function wordsOf(event: Exclude<TimelineEvent, TimelineEventOf<'leaseWritten'>>): Words {
  switch (event.type) {
    case 'stepBegan':
      return ['Step', event.title];
    case 'podCreated':
      return [event.pod.name, `the Pod is created (uid ${event.pod.uid})`];
    case 'podTerminating':
      return [event.pod.name, 'the Pod is being deleted, and its process can end cleanly'];
    case 'podFinished':
      return [event.pod.name, `the Pod has the phase ${event.phase}`];
    case 'podGone':
      return [event.pod.name, event.forced ? 'the Pod is gone, deleted by force' : 'the Pod is gone'];
    case 'processStarted':
      return [nameOf(event), 'the process starts'];
    case 'processEnded':
      return [
        nameOf(event),
        `the process ${event.crashed ? 'crashes' : 'ends'}${event.how === '' ? '' : `: ${event.how}`}`,
      ];
    case 'processHung':
      return [nameOf(event), 'the process hangs'];
    case 'processResumed':
      return [nameOf(event), 'the process runs again'];
    case 'processCutOff':
      return [nameOf(event), 'the process is cut off from the API server'];
    case 'processReconnected':
      return [nameOf(event), 'the process reaches the API server again'];
    case 'elected':
      return [nameOf(event), `${event.resumed ? 'resumes its term' : 'is elected'}, fencing token ${event.token}`];
    case 'demoted':
      return [nameOf(event), `is demoted: ${event.reason}`];
    case 'workEnded':
      return [nameOf(event), 'the work of the term has ended'];
    case 'leaseDeleted':
      return [leaseName(event.lease), `is deleted${event.by === undefined ? '' : ` by ${event.by}`}`];
    case 'outageBegan':
      return ['API server', event.what];
    case 'outageEnded':
      return ['API server', 'answers again'];
    case 'noted':
      return [event.process ?? event.pod?.name ?? 'Note', event.text];
  }
}

/** The name of a Lease's lane. */
export function leaseName(lease: string | undefined): string {
  return lease === undefined ? 'Lease' : `Lease ${lease}`;
}

/**
 * Records a simulation as the events of a timeline. The record changes nothing: a seed has the same log with it and
 * without it.
 */

import type { LeaseElectorEvents, Term } from '../../src/index.ts';
import type { ObservedWrite, TimelineEventContent, TimelinePod } from '../../src/testing/index.ts';
import type { SimulatedContainer } from './simulated-container.ts';
import type { SimulatedPod } from './simulated-pod.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** Receives each event of a timeline when it happens. */
export type RecordEvent = (content: TimelineEventContent) => void;

/** The texts of the events of an elector that a timeline shows only as text. */
const WORDS: Readonly<Partial<Record<keyof LeaseElectorEvents, string>>> = {
  stale: 'reports that the leader no longer renews',
  recovered: 'reports that the leader renews again',
  warning: 'warns',
  error: 'reports an error',
};

/** The Pod, as a timeline contains it. */
export function podOf({ name, uid }: SimulatedPod): TimelinePod {
  return { name, uid };
}

/** The event of a process that started, ended, was suspended or continued, was cut off or reconnected. */
export function processEvent(
  container: SimulatedContainer,
  what: 'started' | 'exited' | 'killed' | 'hung' | 'resumed' | 'cut off' | 'reconnected',
): TimelineEventContent {
  const subject = { pod: podOf(container.pod), process: container.name };
  switch (what) {
    case 'started':
      return { type: 'processStarted', ...subject };
    case 'exited':
      return { type: 'processEnded', how: 'exits', crashed: false, ...subject };
    case 'killed':
      return { type: 'processEnded', how: 'killed', crashed: true, ...subject };
    case 'hung':
      return { type: 'processHung', ...subject };
    case 'resumed':
      return { type: 'processResumed', ...subject };
    case 'cut off':
      return { type: 'processCutOff', ...subject };
    case 'reconnected':
      return { type: 'processReconnected', ...subject };
  }
}

/**
 * An event of an elector, as an event of a timeline. `null` for an event that the writes of the Lease already show.
 *
 * @param why the reason of a demotion, or the code of a warning or an error
 */
export function electorEvent(
  process: SimulatedProcess,
  name: keyof LeaseElectorEvents,
  term: Term | null,
  why: string,
): TimelineEventContent | null {
  const subject = { pod: podOf(process.pod), process: process.name };
  if (name === 'elected' && term !== null) {
    return { type: 'elected', token: term.fencingToken, resumed: term.resumed, ...subject };
  }
  if (name === 'demoted') return { type: 'demoted', reason: why, draining: process.working > 0, ...subject };
  const text = WORDS[name];
  if (text === undefined) return null;
  return { type: 'noted', text: why === '' ? text : `${text}: ${why}`, tone: 'trouble', ...subject };
}

/** A write to the Lease, as an event of a timeline. @param by the name of the writer */
export function leaseEvent(
  { type, object, resourceVersion }: ObservedWrite,
  by: string,
  pods: readonly SimulatedPod[],
): TimelineEventContent {
  const { uid: leaseUid, ownerReferences, annotations } = object.metadata;
  if (type === 'DELETED') return { type: 'leaseDeleted', leaseUid, by };
  const ownerUid = ownerReferences?.[0]?.uid;
  const owner = pods.find(({ uid }) => uid === ownerUid);
  return {
    type: 'leaseWritten',
    leaseUid,
    owner: owner === undefined ? null : podOf(owner),
    holder: (object.spec?.['holderIdentity'] as string | undefined) ?? null,
    released: ownerUid !== undefined && annotations?.['lease-elector/released'] === ownerUid,
    revision: BigInt(resourceVersion),
    by,
  };
}

/** Converts answers and reports of watches into facts for the election. */

import type { Fact } from '../core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import type { Answer, WriteAnswer } from './ports.ts';
import type { WatchReport } from './watcher.ts';

/** The fact in the answer to `readLease`. */
export function leaseReadFact(request: number, answer: Answer<LeaseRecord | null>): Fact {
  if (!answer.ok) return failedFact(request, answer.failure);
  return { type: 'leaseRead', request, lease: answer.value };
}

/** The fact in the answer to `createLease` or `replaceLease`. */
export function leaseWriteFact(request: number, answer: WriteAnswer): Fact {
  if (!answer.ok) return failedFact(request, answer.failure);
  const { value: lease, altered } = answer;
  return { type: 'leaseWritten', request, lease, ...(altered === undefined ? {} : { altered }) };
}

/** The fact in the answer to `deleteLease`, whose value is the Lease that a finalizer keeps, or `null`. */
export function leaseDeletionFact(request: number, answer: Answer<LeaseRecord | null>): Fact {
  if (!answer.ok) return failedFact(request, answer.failure);
  if (answer.value === null) return { type: 'leaseRemoved', request };
  return { type: 'leaseDeletionPending', request, lease: answer.value };
}

/** The fact in the answer to `readPod`. */
export function podReadFact(request: number, name: string, answer: Answer<PodRecord | null>): Fact {
  if (!answer.ok) return failedFact(request, answer.failure);
  return { type: 'podRead', request, name, pod: answer.value };
}

function failedFact(request: number, failure: RequestFailure): Fact {
  return { type: 'requestFailed', request, failure };
}

/** The fact in a report of the Lease's watch. */
export function leaseFact(report: WatchReport<LeaseRecord>): Fact {
  switch (report.type) {
    case 'present':
      return { type: 'leaseObserved', lease: report.item, by: report.by };
    case 'absent':
      return { type: 'leaseAbsent', resourceVersion: report.resourceVersion };
    case 'deleted':
      return { type: 'leaseDeleted', lease: report.item };
    case 'failed':
      return { type: 'leaseWatchFailed', failure: report.failure };
  }
}

/** The fact in a report of the watch of a Pod's name. @param watched the Pod for which the name is watched */
export function podFact(watched: PodReference, report: WatchReport<PodRecord>): Fact {
  switch (report.type) {
    case 'present':
      return { type: 'podObserved', watched, pod: report.item, by: report.by };
    case 'absent':
      return { type: 'podAbsent', watched };
    case 'deleted':
      return { type: 'podDeleted', watched, pod: report.item };
    case 'failed':
      return { type: 'podWatchFailed', watched, failure: report.failure };
  }
}

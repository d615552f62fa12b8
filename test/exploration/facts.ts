/**
 * Turns answers, and what watches report, into facts for the core, as `src/driver/driver.ts` does.
 */

import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import type { WatchEffect } from '../../src/core/watch.ts';
import type { Answer } from '../../src/driver/ports.ts';
import type { Answered, Request } from './cluster-model.ts';

/** What is watched. */
export type Item = LeaseRecord | PodRecord;

/** As the driver turns answers into facts. */
export function factOfAnswer(request: number, asks: Request, answer: Answered): Fact {
  if (!answer.ok) return { type: 'requestFailed', request, failure: answer.failure };
  const { value } = answer as Answer<unknown> & { readonly ok: true };
  switch (asks.verb) {
    case 'readLease':
      return { type: 'leaseRead', request, lease: value as LeaseRecord | null };
    case 'createLease':
    case 'replaceLease':
      return { type: 'leaseWritten', request, lease: value as LeaseRecord };
    case 'deleteLease':
      return { type: 'leaseRemoved', request };
    case 'readPod':
      return { type: 'podRead', request, pod: value as PodRecord | null };
    default:
      throw new Error(`${asks.verb} is not the core's`);
  }
}

/** What a watch tells about its object. */
type Report = Extract<WatchEffect<Item>, { readonly type: 'present' | 'absent' | 'deleted' | 'failed' }>;

/** As the driver turns what a watch reports into facts. */
export function factOfReport(watched: PodReference | null, report: Report): Fact {
  if (watched === null) {
    switch (report.type) {
      case 'present':
        return { type: 'leaseObserved', lease: report.item as LeaseRecord, by: report.by };
      case 'absent':
        return { type: 'leaseAbsent', resourceVersion: report.resourceVersion };
      case 'deleted':
        return { type: 'leaseDeleted', lease: report.item as LeaseRecord };
      case 'failed':
        return { type: 'leaseWatchFailed', failure: report.failure };
    }
  }
  switch (report.type) {
    case 'present':
      return { type: 'podObserved', watched, pod: report.item as PodRecord, by: report.by };
    case 'absent':
      return { type: 'podAbsent', watched };
    case 'deleted':
      return { type: 'podDeleted', watched, pod: report.item as PodRecord };
    case 'failed':
      return { type: 'podWatchFailed', watched, failure: report.failure };
  }
}

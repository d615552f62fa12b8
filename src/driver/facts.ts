/** Converts a report of a watch into a fact for the election. */

import type { Fact } from '../core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../core/lease-record.ts';
import type { WatchReport } from './watcher.ts';

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

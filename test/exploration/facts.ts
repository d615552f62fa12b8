/**
 * Converts answers and reports of watches into facts for the core. It chooses the function of `src/driver/facts.ts` by the
 * request of the model.
 */

import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import {
  leaseDeletionFact,
  leaseFact,
  leaseReadFact,
  leaseWriteFact,
  podFact,
  podReadFact,
} from '../../src/driver/facts.ts';
import type { Answer } from '../../src/driver/ports.ts';
import type { WatchReport } from '../../src/driver/watcher.ts';
import type { Answered, Request } from './cluster-model.ts';

/** An object that a watch delivers. */
export type Item = LeaseRecord | PodRecord;

/** The fact of an answer, as the driver makes it. */
export function factOfAnswer(request: number, operation: Request, answer: Answered): Fact {
  switch (operation.verb) {
    case 'readLease':
      return leaseReadFact(request, answer as Answer<LeaseRecord | null>);
    case 'createLease':
    case 'replaceLease':
      return leaseWriteFact(request, answer as Answer<LeaseRecord>);
    case 'deleteLease':
      return leaseDeletionFact(request, answer as Answer<LeaseRecord | null>);
    case 'readPod':
      return podReadFact(request, operation.name, answer as Answer<PodRecord | null>);
    default:
      throw new Error(`${operation.verb} is not a request of the core`);
  }
}

/** The fact of a watch report, as the driver makes it. `watched` is `null` for the watch of the Lease. */
export function factOfReport(watched: PodReference | null, report: WatchReport<Item>): Fact {
  return watched === null
    ? leaseFact(report as WatchReport<LeaseRecord>)
    : podFact(watched, report as WatchReport<PodRecord>);
}

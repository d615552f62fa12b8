/**
 * Converts answers and reports of watches into facts for the core, as `src/driver/driver.ts` does.
 */

import type { Fact } from '../../src/core/input.ts';
import type { LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import type { Answer } from '../../src/driver/ports.ts';
import { leaseFact, podFact } from '../../src/driver/watch-facts.ts';
import type { WatchReport } from '../../src/driver/watcher.ts';
import type { Answered, Request } from './cluster-model.ts';

/** An object that a watch delivers. */
export type Item = LeaseRecord | PodRecord;

/** The fact of an answer, as the driver makes it. */
export function factOfAnswer(request: number, operation: Request, answer: Answered): Fact {
  if (!answer.ok) return { type: 'requestFailed', request, failure: answer.failure };
  const { value } = answer as Answer<unknown> & { readonly ok: true };
  switch (operation.verb) {
    case 'readLease':
      return { type: 'leaseRead', request, lease: value as LeaseRecord | null };
    case 'createLease':
    case 'replaceLease':
      return { type: 'leaseWritten', request, lease: value as LeaseRecord };
    case 'deleteLease':
      return { type: 'leaseRemoved', request };
    case 'readPod':
      return { type: 'podRead', request, name: operation.name, pod: value as PodRecord | null };
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

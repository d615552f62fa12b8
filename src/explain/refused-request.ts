/** Finds the refused requests that an explanation must name. */

import type { Refusable } from '../core/refusal.ts';
import type { RequestFailure } from '../core/request-failure.ts';
import type { ExplainInput } from './explanation.ts';

/** The requests that observe the Lease: list, watch and get. */
export const LEASE_READS: readonly Refusable[] = ['list leases', 'watch leases', 'get leases'];

/** The reads of Pods. */
export const POD_READS: readonly Refusable[] = ['get pods', 'list pods', 'watch pods'];

/** The first of the given requests that is refused because of a missing rule. */
export function refusalAmong(
  { diagnostics }: Pick<ExplainInput, 'diagnostics'>,
  requests: readonly Refusable[],
): RequestFailure | undefined {
  for (const request of requests) {
    const refusal = diagnostics.refusals.find(
      ({ missingRule }) => missingRule !== null && `${missingRule.verb} ${missingRule.resource}` === request,
    );
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** A refusal that names no rule: a webhook, a quota or a proxy refused the request. */
export function refusalWithoutRule({ diagnostics }: Pick<ExplainInput, 'diagnostics'>): RequestFailure | undefined {
  return diagnostics.refusals.find(({ missingRule }) => missingRule === null);
}

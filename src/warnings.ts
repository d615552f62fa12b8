/**
 * The texts of the warnings that the elector itself raises. Those of the election are in `core/warnings.ts`.
 */

import type { RequestFailure } from './core/request-failure.ts';
import type { WarningCode } from './events.ts';
import type { LocalRole } from './options.ts';

/** The arguments of a warning. */
type WarningText = readonly [code: WarningCode, message: string];

/** There is no cluster. @param name the name of this process, which has no Pod */
export function localElection(role: LocalRole, name: string): WarningText {
  const what =
    role === 'leader'
      ? `the option local is set: ${name} leads alone.`
      : `the option local is 'candidate': ${name} waits for a leader that does not exist.`;
  return ['local', `There is no cluster here and ${what}`];
}

/**
 * There is a cluster, so the environment variable has no effect.
 * @param byOption whether the option `kubeConfig` names the cluster
 */
export function localIgnored(byOption: boolean): WarningText {
  const cluster = byOption ? 'the option kubeConfig names a cluster' : 'this process runs in a cluster';
  const instead = byOption ? 'leave the option kubeConfig out' : 'run this process outside of the cluster';
  return [
    'local',
    `LEASE_ELECTOR_LOCAL is set, but it is ignored, because ${cluster}. This process takes part in the election of that ` +
      `cluster. To lead without a cluster, ${instead}. Otherwise remove LEASE_ELECTOR_LOCAL.`,
  ];
}

/** No request was answered for a while. */
export function apiUnreachable(afterMs: number, failure: RequestFailure | null): WarningText {
  const last = failure === null ? '' : `; the last failure: ${failure.message}`;
  return [
    'api-unreachable',
    `No request to the API server has succeeded for ${afterMs / 1000} s${last}. If no other cause is named, ` +
      'check the NetworkPolicy and the address of the API server. The requests are repeated until it answers.',
  ];
}

/** The outage is over. */
export function apiReachable(): WarningText {
  return ['api-reachable', 'The API server answers again.'];
}

/** No write has succeeded for a while. */
export function writesFailing(afterMs: number, failure: RequestFailure | null): WarningText {
  const last = failure === null ? '' : `: ${failure.message}`;
  return [
    'writes-failing',
    `No write of the Lease has succeeded for ${afterMs / 1000} s, although the API server answers other ` +
      `requests${last}. Check the admission webhooks and etcd. The writes are repeated until one succeeds.`,
  ];
}

/** A write was accepted again. */
export function writesAccepted(): WarningText {
  return ['writes-accepted', 'The API server accepts writes of the Lease again.'];
}

/**
 * The metrics of one elector: its counts, and the metric families with these counts.
 *
 * Every series exists from the start with the value zero, except those of unusual HTTP statuses. If a counter first
 * appeared with 1, it would have no rate, and an alert would miss the first event. Each label has a closed set of
 * values.
 */

import type { DemotionReason, Leader } from '../core/effect.ts';
import type { WatchRestartCause } from '../driver/watch-restart.ts';
import type { RequestMessage, Stall, WarningCode } from '../events.ts';
import type { ExplanationReason } from '../explain/explanation.ts';
import type { MetricFamily, MetricLabels, MetricSample } from './metric-family.ts';
import { RequestMetrics } from './request-metrics.ts';

/** The state of the elector at the time of the read. */
export interface ElectorStatus {
  /** The name of the Lease; empty until it is known. */
  readonly leaseName: string;
  readonly isLeader: boolean;
  readonly leaderKnown: boolean;
  readonly unverifiedForMs: number;
  /** The age of the leader's last renewal, in milliseconds; `null`: no leader renews. */
  readonly renewTimeAgeMs: number | null;
  readonly reason: ExplanationReason;
  readonly workRunning: number;
  /** Whether `term.progress()` is late. */
  readonly workStalled: boolean;
}

/** Whether a reason of `explain()` prevents a working leader, or knowledge of the leader. */
const BLOCKS: Readonly<Record<ExplanationReason, boolean>> = {
  'not-started': false,
  starting: false,
  leading: false,
  'leading-idle': true,
  leaving: false,
  stopped: false,
  sibling: false,
  'api-unreachable': true,
  unauthorized: true,
  forbidden: true,
  'own-pod-deleted': true,
  'own-pod-terminating': false,
  'stepped-down': false,
  campaigning: false,
  resuming: false,
  following: false,
  'holder-unknown': true,
  'holder-terminating': true,
  'holder-failed': true,
  'holder-succeeded': true,
  'holder-not-ready': true,
  'holder-node-not-ready': true,
  'holder-silent': true,
  'lease-missing': true,
  'lease-terminating': true,
  'waiting-for-collector': true,
  'released-not-deletable': true,
  'foreign-lease': true,
};

const DEMOTION_REASONS: Readonly<Record<DemotionReason, 0>> = {
  stopped: 0,
  'stepped-down': 0,
  usurped: 0,
  'pod-deleted': 0,
  unauthorized: 0,
  invariant: 0,
};

const WARNING_CODES: Readonly<Record<WarningCode, 0>> = {
  'renew-forbidden': 0,
  'delete-forbidden': 0,
  'create-forbidden': 0,
  'read-forbidden': 0,
  'pod-read-forbidden': 0,
  'foreign-lease': 0,
  'pod-terminating': 0,
  'pod-deleted': 0,
  unauthorized: 0,
  'request-rejected': 0,
  'work-not-drained': 0,
  'sibling-lock-unsupported': 0,
  'refusal-over': 0,
  'sibling-lock-refused': 0,
  'sibling-lock-held': 0,
  'owner-removed': 0,
  'release-stuck': 0,
  'lease-terminating': 0,
  'write-altered': 0,
  twin: 0,
  'pod-unknown': 0,
  local: 0,
  'endpoint-unavailable': 0,
  'api-unreachable': 0,
  'api-reachable': 0,
  'writes-failing': 0,
  'writes-accepted': 0,
  'pod-patch-failing': 0,
  'event-create-failing': 0,
  'clock-skew': 0,
  'clock-skew-over': 0,
};

const RESTART_CAUSES: Readonly<Record<WatchRestartCause, 0>> = {
  ended: 0,
  failed: 0,
  expired: 0,
  refused: 0,
  silent: 0,
  contradicted: 0,
};

/** The beginning of a term. */
type Beginning = 'elected' | 'resumed';

export class ElectorMetrics {
  readonly #terms: Record<Beginning, number> = { elected: 0, resumed: 0 };
  readonly #demotions: Record<DemotionReason, number> = { ...DEMOTION_REASONS };
  readonly #warnings: Record<WarningCode, number> = { ...WARNING_CODES };
  readonly #watchRestarts = { leases: zeroRestarts(), pods: zeroRestarts() };
  readonly #requests = new RequestMetrics();
  #leaderChanges = 0;
  #lastLeader: string | null = null;
  #workFailures = 0;
  #loopStalls = 0;
  #progressStalls = 0;

  elected(how: Beginning): void {
    this.#terms[how] += 1;
  }

  demoted(reason: DemotionReason): void {
    this.#demotions[reason] += 1;
  }

  /**
   * Counts a change of leader. The first leader is not a change, and neither is the same leader after a time without a
   * leader.
   */
  leaderChanged(leader: Pick<Leader, 'name' | 'uid'> | null): void {
    if (leader === null) return;
    const seen = leader.uid ?? leader.name;
    if (this.#lastLeader !== null && this.#lastLeader !== seen) this.#leaderChanges += 1;
    this.#lastLeader = seen;
  }

  warned(code: WarningCode): void {
    this.#warnings[code] += 1;
  }

  watchRestarted(resource: 'leases' | 'pods', cause: WatchRestartCause): void {
    this.#watchRestarts[resource][cause] += 1;
  }

  requestEnded(request: Pick<RequestMessage, 'verb' | 'resource' | 'status' | 'durationMs'>): void {
    this.#requests.ended(request);
  }

  workFailed(): void {
    this.#workFailures += 1;
  }

  stalled(cause: Stall['cause']): void {
    if (cause === 'progress') this.#progressStalls += 1;
    else this.#loopStalls += 1;
  }

  /** All families, each with all of its series. */
  families(status: ElectorStatus): readonly MetricFamily[] {
    const base: MetricLabels = { name: status.leaseName };
    const one = (value: number): MetricSample[] => [{ labels: base, value }];
    const each = (label: string, values: Readonly<Record<string, number>>): MetricSample[] =>
      Object.entries(values).map(([text, value]) => ({ labels: { ...base, [label]: text }, value }));
    const reasons = Object.entries(BLOCKS).filter(([, blocks]) => blocks);
    return [
      {
        // The name, the label and the help text are those of client-go, so that its dashboards and alerts work.
        name: 'leader_election_master_status',
        help: "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.",
        type: 'gauge',
        samples: one(Number(status.isLeader)),
      },
      gauge('leader_known', 'Whether this process knows a leader: itself or another.', one(Number(status.leaderKnown))),
      gauge(
        'last_verified_seconds',
        'Seconds since the API server last confirmed what this process knows of the Lease.',
        one(status.unverifiedForMs / 1000),
      ),
      gauge(
        'leader_renew_age_seconds',
        'Seconds since this process saw the leader renew; 0 while no leader is seen to renew.',
        one((status.renewTimeAgeMs ?? 0) / 1000),
      ),
      counter('terms_total', 'Terms of this process, by how they began.', each('how', this.#terms)),
      counter('demotions_total', 'Terms of this process that ended, by the reason.', each('reason', this.#demotions)),
      counter(
        'leader_changes_total',
        'How often this process saw another leader than before.',
        one(this.#leaderChanges),
      ),
      counter(
        'watch_restarts_total',
        'Streams of a watch that were replaced, by the cause. The server ends each stream after some minutes.',
        Object.entries(this.#watchRestarts).flatMap(([resource, causes]) =>
          Object.entries(causes).map(([cause, value]) => ({ labels: { ...base, resource, cause }, value })),
        ),
      ),
      counter(
        'requests_total',
        'Requests to the API server that have ended, by the HTTP status; error when no answer came.',
        this.#requests.totals(base),
      ),
      {
        name: 'lease_elector_request_seconds',
        help: 'Seconds from a request to the end of its answer; of a watch, to its head.',
        type: 'histogram',
        samples: this.#requests.durations(base),
      },
      gauge(
        'blocked',
        '1 for the reason of explain() that prevents a working leader, or knowledge of the leader.',
        each('reason', Object.fromEntries(reasons.map(([reason]) => [reason, Number(reason === status.reason)]))),
      ),
      gauge(
        'work_running',
        'Work of a term that runs now: the call of onElected, and jobs of leaderOnly.',
        one(status.workRunning),
      ),
      counter(
        'work_failures_total',
        'Calls of onElected and jobs of leaderOnly that threw, or whose promise rejected.',
        one(this.#workFailures),
      ),
      gauge('work_stalled', '1 while term.progress() is late.', one(Number(status.workStalled))),
      counter(
        'progress_stalls_total',
        'How often term.progress() came late, or not at all.',
        one(this.#progressStalls),
      ),
      counter(
        'event_loop_stalls_total',
        'How often this process was suspended, stopped or blocked for several seconds.',
        one(this.#loopStalls),
      ),
      counter('warnings_total', 'Warnings of this elector, by their code.', each('code', this.#warnings)),
    ];
  }
}

function zeroRestarts(): Record<WatchRestartCause, number> {
  return { ...RESTART_CAUSES };
}

function gauge(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name: `lease_elector_${name}`, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name: `lease_elector_${name}`, help, type: 'counter', samples };
}

import type { ElectorStatus } from '../../src/metrics/elector-metrics.ts';

/** The status of an elector that was not started. */
export const AT_THE_START: ElectorStatus = {
  leaseName: 'web',
  isLeader: false,
  leaderKnown: false,
  unverifiedForMs: 0,
  renewTimeAgeMs: null,
  reason: 'not-started',
  workRunning: 0,
  workStalled: false,
};

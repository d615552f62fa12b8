/**
 * Checks which series each call changes, and by how much.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ElectorMetrics } from '../../src/metrics/elector-metrics.ts';
import { writeFamilies } from '../../src/metrics/metric-family.ts';
import { RequestMetrics } from '../../src/metrics/request-metrics.ts';
import { AT_THE_START } from './elector-status.ts';

/** The lines of the counters that are not 0. */
function countedBy(change: (metrics: ElectorMetrics) => void): string[] {
  const metrics = new ElectorMetrics();
  change(metrics);
  const lines = writeFamilies(metrics.families(AT_THE_START)).split('\n');
  return lines.filter((line) => !line.startsWith('#') && / [^0]/.test(line));
}

const COUNTS: readonly (readonly [what: string, change: (metrics: ElectorMetrics) => void, line: string])[] = [
  [
    'a restart of a watch',
    (metrics) => metrics.watchRestarted('pods', 'silent'),
    'lease_elector_watch_restarts_total{name="web",resource="pods",cause="silent"} 1',
  ],
  ['late progress', (metrics) => metrics.stalled('progress'), 'lease_elector_progress_stalls_total{name="web"} 1'],
  [
    'a stall of the event loop',
    (metrics) => metrics.stalled('event-loop'),
    'lease_elector_event_loop_stalls_total{name="web"} 1',
  ],
];

for (const [what, change, line] of COUNTS) {
  test(`${what} is counted once, in its own series`, () => {
    assert.deepEqual(countedBy(change), [line]);
  });
}

const CODES: readonly (readonly [status: number | null, code: string])[] = [
  [null, 'error'],
  [99, 'error'],
  [100, '1xx'],
  [204, '2xx'],
  [409, '409'],
  [418, '4xx'],
  [599, '5xx'],
  [600, 'error'],
];

for (const [status, code] of CODES) {
  test(`a request counts under the code ${code} when its status is ${status}`, () => {
    const metrics = new RequestMetrics();
    metrics.ended({ verb: 'update', resource: 'leases', status, durationMs: 1 });
    assert.deepEqual(
      metrics.totals({}).filter(({ value }) => value !== 0),
      [{ labels: { verb: 'update', resource: 'leases', code }, value: 1 }],
    );
  });
}

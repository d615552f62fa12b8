/**
 * The metrics of an elector: their series, which all exist from the start, and their changes.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LeaseElector } from '../../src/lease-elector.ts';
import { ElectorMetrics } from '../../src/metrics/elector-metrics.ts';
import { type MetricFamily, writeFamilies } from '../../src/metrics/metric-family.ts';
import { REQUEST_BUCKETS_SECONDS } from '../../src/metrics/request-metrics.ts';
import { promisesSettled } from '../driver/scripted-ports.ts';
import { OTHER, OWN_POD, ScriptedElector, takenBy } from '../worlds/scripted-elector.ts';
import { AT_THE_START } from './elector-status.ts';
import { PROMTOOL_MISSING, promtool } from './promtool.ts';

const SERIES = fileURLToPath(new URL('series.txt', import.meta.url));

/** The most series of one elector. Each replica has them, so more would burden a Prometheus. */
const MOST_SERIES = 350;

/** Each series with its value. */
function seriesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

/** The series that are not 0, without the name of the Lease. */
function changed(elector: LeaseElector | string): Record<string, number> {
  const text = typeof elector === 'string' ? elector : elector.metrics();
  const entries = [...seriesOf(text)].filter(([, value]) => value !== 0);
  return Object.fromEntries(
    entries.map(([series, value]) => [
      series
        .replace(/name="web",?/, '')
        .replace('{}', '')
        .replace('lease_elector_', ''),
      value,
    ]),
  );
}

test('the metrics have the names and labels of series.txt', () => {
  const text = writeFamilies(new ElectorMetrics().families(AT_THE_START));
  const lines = text.split('\n').map((line) => (line.startsWith('#') ? line : line.replace(/ \S+$/, '')));
  if (process.env['REWRITE'] === '1') writeFileSync(SERIES, lines.join('\n'));
  assert.equal(lines.join('\n'), readFileSync(SERIES, 'utf8'));
});

test('the table of docs/operations.md names each metric with its labels', () => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(l\w+)` \|([^|]*)\|/gm)].map(([, name = '', labels = '']) => [
    name,
    [...labels.matchAll(/\w+/g)].map(String),
  ]);
  const families = new ElectorMetrics()
    .families(AT_THE_START)
    .map(({ name, samples }) => [name, Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== 'name')]);
  assert.deepEqual(
    rows.filter(([name]) => String(name).startsWith('lease_elector_') || name === 'leader_election_master_status'),
    families,
  );
});

test('each series is 0 before the start', () => {
  const { elector } = new ScriptedElector();
  assert.deepEqual(changed(elector), {});
  const count = seriesOf(elector.metrics()).size;
  assert.ok(count <= MOST_SERIES, `${count} series`);
});

test('promtool check metrics passes before the start and while this process leads', {
  skip: PROMTOOL_MISSING,
}, async () => {
  const scripted = new ScriptedElector();
  const texts = [scripted.elector.metrics()];
  await scripted.lead();
  texts.push(scripted.elector.metrics());
  for (const text of texts) assert.deepEqual(promtool(['check', 'metrics'], text), { status: 0, output: '' });
});

test('no series is added later', async () => {
  const metrics = new ElectorMetrics();
  const before = [...seriesOf(writeFamilies(metrics.families(AT_THE_START))).keys()];
  metrics.elected('resumed');
  metrics.demoted('usurped');
  metrics.warned('twin');
  metrics.workFailed();
  metrics.stalled('event-loop');
  metrics.stalled('progress');
  metrics.watchRestarted('pods', 'silent');
  metrics.leaderChanged({ name: 'a', uid: null });
  metrics.requestEnded({ verb: 'update', resource: 'leases', status: 409, durationMs: 20_000 });
  metrics.requestEnded({ verb: 'get', resource: 'pods', status: null, durationMs: 1 });
  const after = seriesOf(writeFamilies(metrics.families({ ...AT_THE_START, reason: 'foreign-lease', workRunning: 2 })));
  assert.deepEqual([...after.keys()], before);
});

test('the number of series is bounded when a server answers with any status', () => {
  const metrics = new ElectorMetrics();
  for (let status = 100; status < 2_000; status += 1) {
    metrics.requestEnded({ verb: 'get', resource: 'leases', status, durationMs: 1 });
    metrics.requestEnded({ verb: 'get', resource: `thing-${status}`, status, durationMs: 1 });
  }
  const series = [...seriesOf(writeFamilies(metrics.families(AT_THE_START))).keys()];
  const codes = series.filter((one) => one.startsWith('lease_elector_requests_total') && one.includes('verb="get"'));
  assert.equal(codes.filter((one) => one.includes('resource="leases"')).length, 19);
  assert.equal(codes.filter((one) => one.includes('resource="other"')).length, 19);
  assert.equal(codes.filter((one) => one.includes('thing')).length, 0);
});

test('a request counts in the bucket of its duration and in all larger buckets', () => {
  const metrics = new ElectorMetrics();
  const durations = [0, 5, 6, 10_000, 10_001];
  for (const durationMs of durations) {
    metrics.requestEnded({ verb: 'get', resource: 'leases', status: 200, durationMs });
  }
  const family = metrics.families(AT_THE_START).find(({ type }) => type === 'histogram') as Extract<
    MetricFamily,
    { type: 'histogram' }
  >;
  const sample = family.samples.find(({ labels }) => labels['verb'] === 'get');
  assert.deepEqual(
    sample?.buckets.map(({ upperBound }) => upperBound),
    [...REQUEST_BUCKETS_SECONDS, Number.POSITIVE_INFINITY],
  );
  assert.deepEqual(
    sample?.buckets.map(({ count }) => count),
    [2, 3, 3, 3, 3, 3, 3, 3, 4, 5],
  );
  assert.equal(sample?.count, 5);
  assert.ok(Math.abs((sample?.sum ?? 0) - 20.012) < 1e-9);
});

test('a leader change is counted only when the leader is another Pod', () => {
  const metrics = new ElectorMetrics();
  const changes = (): number => changed(writeFamilies(metrics.families(AT_THE_START)))['leader_changes_total'] ?? 0;
  metrics.leaderChanged({ name: 'web-0', uid: 'a' });
  assert.equal(changes(), 0, 'the first leader is not a change');
  metrics.leaderChanged(null);
  metrics.leaderChanged({ name: 'web-0', uid: 'a' });
  assert.equal(changes(), 0, 'the same leader is not a change');
  metrics.leaderChanged({ name: 'web-0', uid: 'b' });
  assert.equal(changes(), 1, 'another Pod of the same name is a change');
});

test('a leader reports its term, its age and its work, and then the reason of its demotion', async () => {
  let end = (): void => undefined;
  const scripted = new ScriptedElector({
    onElected: () =>
      new Promise<void>((resolve) => {
        end = resolve;
      }),
  });
  const { elector, clock } = scripted;
  await scripted.lead();
  clock.advance(3_000);
  assert.deepEqual(changed(elector), {
    leader_election_master_status: 1,
    leader_known: 1,
    last_verified_seconds: 3,
    leader_renew_age_seconds: 3,
    'terms_total{how="elected"}': 1,
    work_running: 1,
  });
  end();
  await promisesSettled();
  assert.equal(changed(elector)['work_running'], undefined, 'onElected has returned');
  void elector.stop();
  const after = changed(elector);
  assert.equal(after['demotions_total{reason="stopped"}'], 1);
  assert.equal(after['leader_election_master_status'], undefined);
});

test('only the reason of the blocked election is 1 when the holder does not renew', async () => {
  const before = new ScriptedElector();
  await before.lead();
  const scripted = new ScriptedElector();
  const started = scripted.elector.start();
  await promisesSettled();
  await scripted.shown(takenBy(before.lease, OTHER));
  scripted.world.take(`list pod ${OTHER.name}`).succeed({ items: [{ ...OWN_POD, ...OTHER }], resourceVersion: '30' });
  await promisesSettled();
  await started;
  assert.deepEqual(
    Object.keys(changed(scripted.elector)).filter((series) => series.startsWith('blocked')),
    [],
  );
  for (let second = 0; second < 120; second += 1) scripted.clock.advance(1_000);
  const { reason } = scripted.elector.explain();
  const blocked = Object.entries(changed(scripted.elector)).filter(([series]) => series.startsWith('blocked'));
  assert.deepEqual(blocked, [[`blocked{reason="${reason}"}`, 1]]);
});

test('a failure is counted when onElected or a job of leaderOnly rejects', async () => {
  const scripted = new ScriptedElector({ onElected: () => Promise.reject(new Error('no')) });
  scripted.elector.on('error', () => undefined);
  await scripted.lead();
  assert.equal(changed(scripted.elector)['work_failures_total'], 1);
  const job = scripted.elector.leaderOnly(() => Promise.reject(new Error('no')), { onError: () => undefined });
  await job();
  assert.equal(changed(scripted.elector)['work_failures_total'], 2);
  const good = scripted.elector.leaderOnly(() => 'done');
  assert.equal(await good(), 'done');
  assert.equal(changed(scripted.elector)['work_failures_total'], 2);
});

test('a suspension is counted after the first call of metrics()', async () => {
  const scripted = new ScriptedElector();
  await scripted.lead();
  scripted.clock.stall(60_000);
  scripted.elector.metrics();
  scripted.clock.advance(1_000);
  assert.equal(changed(scripted.elector)['event_loop_stalls_total'], undefined);
  scripted.clock.stall(6_000);
  assert.equal(changed(scripted.elector)['event_loop_stalls_total'], 1);
  scripted.run(10);
  assert.equal(changed(scripted.elector)['event_loop_stalls_total'], 1);
});

test('a warning is counted by its code', () => {
  const metrics = new ElectorMetrics();
  metrics.warned('twin');
  metrics.warned('twin');
  assert.deepEqual(changed(writeFamilies(metrics.families(AT_THE_START))), { 'warnings_total{code="twin"}': 2 });
});

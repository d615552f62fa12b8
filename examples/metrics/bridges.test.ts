/**
 * The two bridges, each with its real library, on electors that lead in the embedded cluster.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { LeaseElector } from '../../src/index.ts';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { observe } from './opentelemetry.ts';
import { collect } from './prom-client.ts';

/** Two leading electors of one process, each for a different Lease. */
async function twoElectors(t: TestContext): Promise<readonly LeaseElector[]> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const pod = cluster.createPod({ name: 'web-1' });
  const electors = ['orders', 'reports'].map((lease) => new LeaseElector({ ...pod.electorOptions(), lease }));
  await Promise.all(electors.map((elector) => elector.start()));
  return electors;
}

test('prom-client serves the metrics of all electors as metrics() writes them', async (t) => {
  const electors = await twoElectors(t);
  const registry = new Registry();
  collect(registry, electors);
  const text = await registry.metrics();
  for (const name of ['orders', 'reports']) {
    assert.match(text, new RegExp(`^leader_election_master_status\\{name="${name}"\\} 1$`, 'm'));
    assert.match(text, new RegExp(`^lease_elector_terms_total\\{name="${name}",how="elected"\\} 1$`, 'm'));
    assert.match(text, new RegExp(`^lease_elector_request_seconds_count\\{name="${name}",verb="create"\\} 1$`, 'm'));
  }
  const series = (from: string): string[] =>
    from.split('\n').flatMap((line) => (line.startsWith('#') || line === '' ? [] : [line.replace(/ \S+$/, '')]));
  assert.deepEqual(series(text).sort(), electors.flatMap((elector) => series(elector.metrics())).sort());
  assert.equal(text.match(/^# TYPE leader_election_master_status gauge$/gm)?.length, 1, 'each name is described once');
});

test('OpenTelemetry exports the metrics of all electors, and the durations of requests', async (t) => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  t.after(() => provider.shutdown());
  // Before the start, so that no request is missed.
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const elector = new LeaseElector({ ...cluster.createPod({ name: 'web-1' }).electorOptions(), lease: 'orders' });
  t.after(observe(provider.getMeter('lease-elector'), [elector]));
  await elector.start();
  await provider.forceFlush();
  const exported = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics));
  const points = (name: string) => exported.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
  assert.deepEqual(
    points('leader_election_master_status').map(({ value, attributes }) => [value, attributes]),
    [[1, { name: 'orders' }]],
  );
  assert.deepEqual(
    points('lease_elector_terms').map(({ value, attributes }) => [attributes['how'], value]),
    [
      ['elected', 1],
      ['resumed', 0],
    ],
  );
  const created = points('lease_elector_request').find(({ attributes }) => attributes['verb'] === 'create');
  assert.equal((created?.value as { count?: number } | undefined)?.count, 1);
});

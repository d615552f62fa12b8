/**
 * The metrics of electors in a registry of prom-client, beside those of the application: one `/metrics` serves both.
 * In your project, import from 'lease-elector'.
 */

import type { Metric, Registry } from 'prom-client';
import type { LeaseElector, MetricFamily } from '../../src/index.ts';

/** One value, as prom-client writes it: a histogram is a list of values with different names. */
interface Value {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** Registers every metric of the electors. Each scrape reads them again. Electors of one process share the names. */
export function collect(registry: Registry, electors: readonly LeaseElector[]): void {
  for (const { name, help, type } of electors[0]?.metricFamilies() ?? []) {
    const get = async () => ({
      name,
      help,
      type,
      aggregator: 'sum',
      values: electors.flatMap((one) => read(one, name)),
    });
    registry.registerMetric({ name, help, type, get, reset: () => undefined } as unknown as Metric);
  }
}

function read(elector: LeaseElector, name: string): readonly Value[] {
  const family = elector.metricFamilies().find((one) => one.name === name);
  return family === undefined ? [] : valuesOf(family);
}

function valuesOf(family: MetricFamily): readonly Value[] {
  if (family.type !== 'histogram') return family.samples;
  const { name } = family;
  return family.samples.flatMap(({ labels, buckets, sum, count }) => [
    ...buckets.map((bucket) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bucket.upperBound === Number.POSITIVE_INFINITY ? '+Inf' : bucket.upperBound },
      value: bucket.count,
    })),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]);
}

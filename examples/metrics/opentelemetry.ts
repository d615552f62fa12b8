/**
 * The metrics of electors as instruments of OpenTelemetry. In your project, import from 'lease-elector'.
 *
 * Counters and gauges are read when the SDK collects. The durations of requests come one by one from the channel
 * `lease-elector:request`, because OpenTelemetry has no observable histogram.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { BatchObservableCallback, Meter, Observable } from '@opentelemetry/api';
import type { LeaseElector, RequestMessage } from '../../src/index.ts';

/** Creates the instruments. Returns a function that ends the observation. */
export function observe(meter: Meter, electors: readonly LeaseElector[]): () => void {
  const instruments = new Map<string, Observable>();
  for (const { name, help, type } of electors[0]?.metricFamilies() ?? []) {
    if (type === 'gauge') instruments.set(name, meter.createObservableGauge(name, { description: help }));
    // An exporter to Prometheus adds `_total` itself.
    if (type === 'counter')
      instruments.set(name, meter.createObservableCounter(name.replace(/_total$/, ''), { description: help }));
  }
  const read: BatchObservableCallback = (result) => {
    for (const elector of electors) {
      for (const family of elector.metricFamilies()) {
        const instrument = instruments.get(family.name);
        if (instrument === undefined || family.type === 'histogram') continue;
        for (const { labels, value } of family.samples) result.observe(instrument, value, labels);
      }
    }
  };
  meter.addBatchObservableCallback(read, [...instruments.values()]);

  const durations = meter.createHistogram('lease_elector_request', {
    description: 'From a request to the end of its answer; of a watch, to its head.',
    unit: 's',
  });
  const record = (message: unknown): void => {
    const { verb, name, durationMs } = message as RequestMessage;
    durations.record(durationMs / 1000, { verb, name });
  };
  subscribe('lease-elector:request', record);
  return () => {
    unsubscribe('lease-elector:request', record);
    meter.removeBatchObservableCallback(read, [...instruments.values()]);
  };
}

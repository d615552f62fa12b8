/**
 * Metric families as plain data, and their text in the format of Prometheus (version 0.0.4).
 *
 * There is no registry: each read creates the families from the state of the elector. `elector-metrics.ts` lists the
 * families.
 */

/** The labels of a sample, by name. */
export type MetricLabels = Readonly<Record<string, string>>;

/** One value of a counter or a gauge. */
export interface MetricSample {
  /** The labels of the value. */
  readonly labels: MetricLabels;
  /** The value; a time is in seconds. */
  readonly value: number;
}

/** One distribution of a histogram. */
export interface HistogramSample {
  /** The labels of the distribution. */
  readonly labels: MetricLabels;
  /** For each bound, the number of values that are not greater (cumulative). The last bound is `Infinity`. */
  readonly buckets: readonly { readonly upperBound: number; readonly count: number }[];
  /** The sum of all values, in the unit of the metric. */
  readonly sum: number;
  /** The number of all values. */
  readonly count: number;
}

/** All samples of one name. */
export type MetricFamily =
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'counter' | 'gauge';
      readonly samples: readonly MetricSample[];
    }
  | {
      readonly name: string;
      readonly help: string;
      readonly type: 'histogram';
      readonly samples: readonly HistogramSample[];
    };

/** Writes families as text. */
export function writeFamilies(families: readonly MetricFamily[]): string {
  return families.map(writeFamily).join('');
}

function writeFamily(family: MetricFamily): string {
  const { name, help, type } = family;
  const lines = family.type === 'histogram' ? histogramLines(name, family.samples) : sampleLines(name, family.samples);
  return [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}

function sampleLines(name: string, samples: readonly MetricSample[]): string[] {
  return samples.map(({ labels, value }) => line(name, labels, value));
}

function histogramLines(name: string, samples: readonly HistogramSample[]): string[] {
  return samples.flatMap(({ labels, buckets, sum, count }) => [
    ...buckets.map((bucket) => line(`${name}_bucket`, { ...labels, le: writeNumber(bucket.upperBound) }, bucket.count)),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  ]);
}

function line(name: string, labels: MetricLabels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${writeNumber(value)}`;
}

/** Formats a number as Go does, which Prometheus parses. Only infinity differs from JavaScript. */
function writeNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

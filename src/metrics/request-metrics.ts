/**
 * The number of requests to the API server, their results, and their durations.
 *
 * The number of series is limited: only the verbs and resources that this library uses, and a list of codes, become
 * labels.
 */

import type { RequestMessage } from '../events.ts';
import type { HistogramSample, MetricLabels, MetricSample } from './metric-family.ts';

type Verb = RequestMessage['verb'];

/** The upper bounds of the buckets, in seconds. The last bound before infinity is the default time-out of a request. */
export const REQUEST_BUCKETS_SECONDS: readonly number[] = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The statuses with their own series. Every other status counts as its class, such as `4xx`. */
const CODES: ReadonlySet<number> = new Set([200, 201, 401, 403, 404, 409, 410, 422, 429, 500, 502, 503, 504]);

/** The codes with which every request can end. `error`: there was no answer. */
const COMMON_CODES = ['error', '401', '403', '404', '422', '429', '500', '502', '503', '504'] as const;

const REQUESTS: Readonly<Record<Verb, { readonly resources: readonly string[]; readonly codes: readonly string[] }>> = {
  get: { resources: ['leases', 'pods'], codes: ['200'] },
  list: { resources: ['leases', 'pods'], codes: ['200', '410'] },
  watch: { resources: ['leases', 'pods'], codes: ['200', '410'] },
  create: { resources: ['leases', 'events'], codes: ['201', '409'] },
  update: { resources: ['leases'], codes: ['200', '409'] },
  patch: { resources: ['pods'], codes: ['200', '409'] },
  delete: { resources: ['leases'], codes: ['200', '409'] },
};

/** The resources with their own series. Every other resource counts as `other`. */
const RESOURCES: ReadonlySet<string> = new Set(Object.values(REQUESTS).flatMap(({ resources }) => resources));

interface Duration {
  /** One count for each bound, and one count for longer requests. Not cumulative. */
  readonly counts: number[];
  sumSeconds: number;
}

export class RequestMetrics {
  /** The numbers of requests, by verb, resource and code. */
  readonly #totals = new Map<string, { readonly labels: MetricLabels; value: number }>();
  readonly #durations = new Map<Verb, Duration>();

  constructor() {
    for (const [verb, { resources, codes }] of Object.entries(REQUESTS)) {
      for (const resource of resources) {
        for (const code of [...codes, ...COMMON_CODES]) this.#count(verb, resource, code, 0);
      }
      this.#durations.set(verb as Verb, {
        counts: [...REQUEST_BUCKETS_SECONDS, Number.POSITIVE_INFINITY].map(() => 0),
        sumSeconds: 0,
      });
    }
  }

  ended({
    verb,
    resource,
    status,
    durationMs,
  }: Pick<RequestMessage, 'verb' | 'resource' | 'status' | 'durationMs'>): void {
    this.#count(verb, RESOURCES.has(resource) ? resource : 'other', codeOf(status), 1);
    const duration = this.#durations.get(verb);
    if (duration === undefined) return;
    const seconds = durationMs / 1000;
    const bucket = REQUEST_BUCKETS_SECONDS.findIndex((upperBound) => seconds <= upperBound);
    const index = bucket === -1 ? REQUEST_BUCKETS_SECONDS.length : bucket;
    duration.counts[index] = (duration.counts[index] ?? 0) + 1;
    duration.sumSeconds += seconds;
  }

  totals(base: MetricLabels): MetricSample[] {
    return Array.from(this.#totals.values(), ({ labels, value }) => ({ labels: { ...base, ...labels }, value }));
  }

  durations(base: MetricLabels): HistogramSample[] {
    return Array.from(this.#durations, ([verb, { counts, sumSeconds }]) => {
      let count = 0;
      const buckets = [...REQUEST_BUCKETS_SECONDS, Number.POSITIVE_INFINITY].map((upperBound, index) => {
        count += counts[index] ?? 0;
        return { upperBound, count };
      });
      return { labels: { ...base, verb }, buckets, sum: sumSeconds, count };
    });
  }

  #count(verb: string, resource: string, code: string, by: number): void {
    const key = `${verb} ${resource} ${code}`;
    const total = this.#totals.get(key) ?? { labels: { verb, resource, code }, value: 0 };
    total.value += by;
    this.#totals.set(key, total);
  }
}

function codeOf(status: number | null): string {
  if (status === null) return 'error';
  if (CODES.has(status)) return String(status);
  // A server may send any number, so only the five classes of HTTP become labels.
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'error';
}

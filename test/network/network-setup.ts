/**
 * A cluster behind proxies: Pods with electors, API servers of one cluster that can malfunction separately, and
 * measured times.
 */

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { LeaseElector, LeaseElectorOptions } from '../../src/index.ts';
import { type ApiResponse, errorResponse } from '../../src/testing/handlers/api-request.ts';
import type { ApiRequest, ApiStream } from '../../src/testing/index.ts';
import { faultStatus } from '../../src/testing/server/faults.ts';
import { HttpListener } from '../../src/testing/server/http-listener.ts';
import { TestCluster, type TestPod } from '../integration/cluster.ts';
import { NetworkProxy } from './network-proxy.ts';

/** The interval between two checks of a condition, in milliseconds. */
const LOOK_MS = 5;
/** A timer that is later than this means that the process was suspended, in milliseconds. */
const STALL_MS = 25;
/** How much longer than its bound a test waits, so that a failure reports the real time. */
const OVERTIME_MS = 15_000;

/** The longest time of a start without a bound, in milliseconds. */
const START_PATIENCE_MS = 15_000;
/** The number of watches of an elector: one of the Lease, one of the holder's Pod. */
const WATCHES_OF_AN_ELECTOR = 2;
/** How long the answer of a new watch may need to arrive, in milliseconds. */
const ARRIVAL_MS = 500;

/** The malfunction of an API server: it answers every request with this status, or not at all. */
export type Malfunction = 401 | 500 | 503 | 504 | 'hangs';

/** The handling of open watches when an API server begins to malfunction. */
export type WatchTreatment = 'live' | 'end' | 'mute';

/** A cluster behind a network. It ends with its test. */
export class NetworkSetup {
  readonly cluster: TestCluster;
  readonly #proxies: NetworkProxy[];

  private constructor(cluster: TestCluster, proxies: NetworkProxy[]) {
    this.cluster = cluster;
    this.#proxies = proxies;
  }

  static async start(t: TestContext): Promise<NetworkSetup> {
    const proxies: NetworkProxy[] = [];
    // Runs before the cluster stops its electors, so that their last requests pass.
    t.after(() => {
      for (const proxy of proxies) proxy.heal();
    });
    const cluster = await TestCluster.start(t);
    t.after(() => Promise.all(proxies.map((proxy) => proxy.close())));
    return new NetworkSetup(cluster, proxies);
  }

  /** A proxy in front of the cluster's own API server, or in front of these ports. */
  async proxy(options: { readonly ports?: readonly number[]; readonly endsTls?: boolean } = {}): Promise<NetworkProxy> {
    const { ports = [this.cluster.port], endsTls = false } = options;
    const proxy = await NetworkProxy.start(ports, { endsTls });
    this.#proxies.push(proxy);
    return proxy;
  }

  /** Starts an elector in a new Pod. Its requests go through this proxy. */
  async candidate(name: string, proxy: NetworkProxy, options: LeaseElectorOptions): Promise<Candidate> {
    const pod = behind(this.cluster.addPod(name), proxy);
    const { elector, started } = this.restarted({ pod }, options);
    let isStarted = false;
    const observed = started.then(() => {
      isStarted = true;
    });
    await Promise.race([observed, timeUntil(`${name} has started`, START_PATIENCE_MS, () => isStarted)]);
    return { pod, elector };
  }

  /**
   * Waits until these electors have opened their watches and have observed a renewal. Everything that they miss later
   * is caused by the fault.
   */
  async settle(candidates: readonly Candidate[]): Promise<void> {
    const counters = candidates.map(({ elector }) => countRenewals(elector));
    const watches = candidates.length * WATCHES_OF_AN_ELECTOR;
    await timeUntil('all watches are open, and each elector has observed a renewal', START_PATIENCE_MS, () => {
      return this.cluster.server.stats().watches >= watches && counters.every(({ count }) => count > 0);
    });
    await pause(ARRIVAL_MS);
  }

  /** The next container of a Pod. Its `start()` has not resolved yet. */
  restarted(
    { pod }: Pick<Candidate, 'pod'>,
    options: LeaseElectorOptions,
  ): Candidate & { readonly started: Promise<void> } {
    const elector = this.cluster.elector(pod, options);
    const started = elector.start();
    // A setup that fails earlier has already reported its error.
    started.catch(() => {});
    return { pod, elector, started };
  }
}

/** An elector and its Pod. */
export interface Candidate {
  readonly pod: TestPod;
  readonly elector: LeaseElector;
}

/** The same Pod, with its packets through this proxy. */
export function behind(pod: TestPod, proxy: NetworkProxy): TestPod {
  return { ...pod, environment: { ...pod.environment, KUBERNETES_SERVICE_PORT: String(proxy.port) } };
}

/** A measured time. */
export interface Measured {
  readonly tookMs: number;
  /** The part during which this process was suspended because the machine was busy. */
  readonly stalledMs: number;
}

/** Begins a measurement. */
export function startMeasuring(): () => Measured {
  const startMs = performance.now();
  let stalledMs = 0;
  let lastMs = startMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (nowMs - lastMs > STALL_MS) stalledMs += nowMs - lastMs - LOOK_MS;
    lastMs = nowMs;
  }, LOOK_MS).unref();
  return () => {
    clearInterval(timer);
    return { tookMs: performance.now() - startMs, stalledMs };
  };
}

/** The time that is compared with a bound. A suspension counts at most as long as the bound. */
export function netMs({ tookMs, stalledMs }: Measured, boundMs: number): number {
  return tookMs - Math.min(stalledMs, boundMs);
}

/**
 * Waits for a condition, and returns the time. It waits longer than the bound, so that a failed assertion reports the
 * real time.
 */
export async function timeUntil(what: string, boundMs: number, isSo: () => boolean): Promise<Measured> {
  const measure = startMeasuring();
  const endMs = performance.now() + boundMs + OVERTIME_MS;
  while (!isSo()) {
    if (performance.now() > endMs) {
      const { tookMs } = measure();
      assert.fail(`not within ${Math.round(tookMs)} ms: ${what}; the bound is ${boundMs} ms`);
    }
    await pause(LOOK_MS);
  }
  return measure();
}

/** Fails when the time exceeds the bound. Prints the time in any case. */
export function assertWithin(t: TestContext, what: string, measured: Measured, boundMs: number): void {
  const [took, stalled] = [Math.round(measured.tookMs), Math.round(measured.stalledMs)];
  const sentence = `${what}: ${took} ms, bound ${boundMs} ms${stalled > 0 ? `; this process was suspended for ${stalled} ms` : ''}`;
  t.diagnostic(sentence);
  assert.ok(netMs(measured, boundMs) <= boundMs, sentence);
}

/** Counts the renewals that an elector observes from now on. */
export function countRenewals(elector: LeaseElector): { readonly count: number } {
  const counter = { count: 0 };
  elector.on('renewed', () => {
    counter.count += 1;
  });
  return counter;
}

/** Another API server of the cluster, with the same data, which can malfunction. */
export class Replica {
  readonly #cluster: TestCluster;
  readonly #listener: HttpListener;
  readonly #watches = new Set<FaultyWatch>();
  #malfunction: Malfunction | null = null;
  #port = 0;

  private constructor(cluster: TestCluster) {
    this.#cluster = cluster;
    this.#listener = new HttpListener((request) => this.#answer(request), true);
  }

  static async start(t: TestContext, cluster: TestCluster): Promise<Replica> {
    const replica = new Replica(cluster);
    replica.#port = await replica.#listener.listen(0, '127.0.0.1');
    t.after(() => replica.#listener.close());
    return replica;
  }

  get port(): number {
    return this.#port;
  }

  /** Begins a malfunction of every request. */
  startMalfunction(malfunction: Malfunction, watches: WatchTreatment): void {
    this.#malfunction = malfunction;
    for (const watch of this.#watches) watch.apply(watches);
  }

  async #answer(request: ApiRequest): Promise<ApiResponse> {
    const malfunction = this.#malfunction;
    if (malfunction === 'hangs') return new Promise(() => {});
    if (malfunction !== null) return errorResponse(faultStatus(malfunction));
    const answer = await this.#cluster.server.handle(request);
    if (answer.stream === undefined) return answer;
    const watch = new FaultyWatch(answer.stream);
    this.#watches.add(watch);
    return { ...answer, stream: watch };
  }
}

/** A watch that can be ended or muted from outside. */
class FaultyWatch implements ApiStream {
  readonly #inner: ApiStream;
  #onEnd: () => void = () => {};
  #isMute = false;

  constructor(inner: ApiStream) {
    this.#inner = inner;
  }

  open(onChunk: (chunk: string) => void, onEnd: (error?: Error) => void): void {
    this.#onEnd = onEnd;
    this.#inner.open((chunk) => {
      if (!this.#isMute) onChunk(chunk);
    }, onEnd);
  }

  close(): void {
    this.#onEnd = () => {};
    this.#inner.close();
  }

  apply(treatment: WatchTreatment): void {
    if (treatment === 'live') return;
    this.#isMute = true;
    if (treatment === 'mute') return;
    const onEnd = this.#onEnd;
    this.close();
    onEnd();
  }
}

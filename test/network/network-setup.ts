/**
 * A cluster that is reached through proxies: Pods with electors, API servers of one cluster that fall sick one by one,
 * and time that is measured.
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

/** How often a condition is looked at, in milliseconds. */
const LOOK_MS = 5;
/** A timer that is late by more than this means that the process stood still, in milliseconds. */
const STALL_MS = 25;
/** How much longer than its bound something is waited for, so that a failure says how long it took. */
const OVERTIME_MS = 15_000;

/** How long a start may take that no bound is given for, in milliseconds. */
const START_PATIENCE_MS = 15_000;
/** Each elector watches the Lease, and the Pod that holds it. */
const WATCHES_OF_AN_ELECTOR = 2;
/** After the server has opened a watch, its answer is given this long to arrive, in milliseconds. */
const ARRIVAL_MS = 500;

/** What is wrong with an API server: it answers every request so, or not at all. */
export type Sickness = 401 | 500 | 503 | 504 | 'hangs';

/** What becomes of the watches that are open on an API server when it falls sick. */
export type WatchesOfTheSick = 'live' | 'end' | 'mute';

/** A cluster with a network before it. It ends with its test. */
export class NetworkScene {
  readonly cluster: TestCluster;
  readonly #proxies: NetworkProxy[];

  private constructor(cluster: TestCluster, proxies: NetworkProxy[]) {
    this.cluster = cluster;
    this.#proxies = proxies;
  }

  static async start(t: TestContext): Promise<NetworkScene> {
    const proxies: NetworkProxy[] = [];
    // Before the cluster ends its electors: whatever they still have to say then passes.
    t.after(() => {
      for (const proxy of proxies) proxy.heal();
    });
    const cluster = await TestCluster.start(t);
    t.after(() => Promise.all(proxies.map((proxy) => proxy.close())));
    return new NetworkScene(cluster, proxies);
  }

  /** A proxy before the cluster's own API server, or before those ports. */
  async proxy(options: { readonly ports?: readonly number[]; readonly endsTls?: boolean } = {}): Promise<NetworkProxy> {
    const { ports = [this.cluster.port], endsTls = false } = options;
    const proxy = await NetworkProxy.start(ports, { endsTls });
    this.#proxies.push(proxy);
    return proxy;
  }

  /** An elector in a Pod of that name that reaches the API server through that proxy, and has started. */
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

  /** Waits until these have opened their watches, and have seen a renewal: what they miss from then on is the fault's doing. */
  async settle(candidates: readonly Candidate[]): Promise<void> {
    const counters = candidates.map(({ elector }) => countRenewals(elector));
    const watches = candidates.length * WATCHES_OF_AN_ELECTOR;
    await timeUntil('all watches are open, and were heard', START_PATIENCE_MS, () => {
      return this.cluster.server.stats().watches >= watches && counters.every(({ count }) => count > 0);
    });
    await pause(ARRIVAL_MS);
  }

  /** The next container of that Pod. Its `start()` is under way. */
  restarted(
    { pod }: Pick<Candidate, 'pod'>,
    options: LeaseElectorOptions,
  ): Candidate & { readonly started: Promise<void> } {
    const elector = this.cluster.elector(pod, options);
    const started = elector.start();
    // A setup that fails before it waits for this has said enough.
    started.catch(() => {});
    return { pod, elector, started };
  }
}

/** An elector and its Pod. */
export interface Candidate {
  readonly pod: TestPod;
  readonly elector: LeaseElector;
}

/** The same Pod, whose packets go through that proxy. */
export function behind(pod: TestPod, proxy: NetworkProxy): TestPod {
  return { ...pod, environment: { ...pod.environment, KUBERNETES_SERVICE_PORT: String(proxy.port) } };
}

/** How long something took. */
export interface Measured {
  readonly tookMs: number;
  /** For how much of it this process stood still, because the machine was busy with something else. */
  readonly stalledMs: number;
}

/** Measures from now on. */
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

/** What is compared with a bound: a machine may stand still for as long as the bound is, but not for ever. */
export function netMs({ tookMs, stalledMs }: Measured, boundMs: number): number {
  return tookMs - Math.min(stalledMs, boundMs);
}

/**
 * Waits until something is so, and returns how long that took. Waits beyond the bound, so that a failure of the assertion
 * that follows says by how much.
 */
export async function timeUntil(what: string, boundMs: number, isSo: () => boolean): Promise<Measured> {
  const measure = startMeasuring();
  const endMs = performance.now() + boundMs + OVERTIME_MS;
  while (!isSo()) {
    if (performance.now() > endMs) {
      const { tookMs } = measure();
      assert.fail(`after ${Math.round(tookMs)} ms still waits until ${what}; the bound is ${boundMs} ms`);
    }
    await pause(LOOK_MS);
  }
  return measure();
}

/** Fails when it took longer than the bound, and says in any case how long it took. */
export function assertWithin(t: TestContext, what: string, measured: Measured, boundMs: number): void {
  const [took, stalled] = [Math.round(measured.tookMs), Math.round(measured.stalledMs)];
  const sentence = `${what}: ${took} ms, bound ${boundMs} ms${stalled > 0 ? `; this process stood still for ${stalled} ms` : ''}`;
  t.diagnostic(sentence);
  assert.ok(netMs(measured, boundMs) <= boundMs, sentence);
}

/** Counts the renewals that an elector sees from now on. */
export function countRenewals(elector: LeaseElector): { readonly count: number } {
  const counter = { count: 0 };
  elector.on('renewed', () => {
    counter.count += 1;
  });
  return counter;
}

/** One more API server of the cluster, with the same data, which can fall sick. */
export class Replica {
  readonly #cluster: TestCluster;
  readonly #listener: HttpListener;
  readonly #watches = new Set<SickWatch>();
  #sickness: Sickness | null = null;
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

  /** From now on every request fails so. */
  fallSick(sickness: Sickness, watches: WatchesOfTheSick): void {
    this.#sickness = sickness;
    for (const watch of this.#watches) watch.suffer(watches);
  }

  async #answer(request: ApiRequest): Promise<ApiResponse> {
    const sickness = this.#sickness;
    if (sickness === 'hangs') return new Promise(() => {});
    if (sickness !== null) return errorResponse(faultStatus(sickness));
    const answer = await this.#cluster.server.handle(request);
    if (answer.stream === undefined) return answer;
    const watch = new SickWatch(answer.stream);
    this.#watches.add(watch);
    return { ...answer, stream: watch };
  }
}

/** A watch that can be ended, or muted, from outside. */
class SickWatch implements ApiStream {
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

  suffer(fate: WatchesOfTheSick): void {
    if (fate === 'live') return;
    this.#isMute = true;
    if (fate === 'mute') return;
    const onEnd = this.#onEnd;
    this.close();
    onEnd();
  }
}

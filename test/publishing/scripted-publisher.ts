/**
 * A publisher with a manual clock and a scripted API server: Pods with labels, and a list of Events.
 */

import type { DemotionReason, Term } from '../../src/core/effect.ts';
import type { RequestFailure, RequestFailureKind } from '../../src/core/request-failure.ts';
import type { Answer, LeaseEvent, PodMetadata, PublishingPort } from '../../src/driver/ports.ts';
import { Publisher, type PublisherWishes } from '../../src/publishing/publisher.ts';
import { failureOf, promisesSettled } from '../driver/scripted-ports.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

export const LABEL = 'app.example.com/leader';
export const COST = 'controller.kubernetes.io/pod-deletion-cost';
export const SELF = { name: 'web-0', uid: 'pod-0' } as const;
export const OTHER = { name: 'web-1', uid: 'pod-1' } as const;

/** A request, as text. */
export type Call = `read ${string}` | `patch ${string}` | `event ${string}`;

const TERM: Term = { fencingToken: '7', leaseUid: 'lease-1', acquireTimeMs: 0, resumed: false };

/** Pods that can be read and patched, Events that can be written, and the failures of these requests. */
export class ScriptedPublisher {
  readonly clock: ManualClock = new ManualClock();
  readonly pods: Map<string, PodMetadata> = new Map();
  readonly events: LeaseEvent[] = [];
  readonly calls: Call[] = [];
  readonly warnings: string[] = [];
  /** The messages of those warnings. */
  readonly messages: string[] = [];
  /** Returns the failure of a request, or `null`. */
  failing: (call: Call) => RequestFailureKind | RequestFailure | null = () => null;
  /** Whether requests stay under way until `release`. */
  holds = false;
  isOutageReported = false;
  /** How often the Pod of this process was reported as gone. */
  ownPodGone = 0;
  /** The most requests under way at the same time. */
  mostAtOnce = 0;
  readonly publisher: Publisher;
  readonly #held: (() => void)[] = [];
  #atOnce = 0;
  #revision = 10;

  constructor(wishes: Partial<PublisherWishes>, random: () => number = () => 0.5) {
    this.add(SELF.name, SELF.uid);
    this.add(OTHER.name, OTHER.uid);
    this.publisher = new Publisher({
      port: this.#port,
      wishes: { leaderLabel: null, podDeletionCost: null, events: false, ...wishes },
      self: SELF,
      lease: 'web',
      requestTimeoutMs: 10_000,
      clock: this.clock,
      random: { next: random },
      warn: (code, message) => {
        this.warnings.push(code);
        this.messages.push(message);
      },
      isOutageReported: () => this.isOutageReported,
      ownPodGone: () => {
        this.ownPodGone += 1;
      },
    });
  }

  add(name: string, uid: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}): void {
    this.#revision += 1;
    this.pods.set(name, { name, uid, resourceVersion: String(this.#revision), labels, annotations });
  }

  /** The label and the cost of a Pod. */
  labelAndCost(name: string = SELF.name): readonly [label: string | undefined, cost: string | undefined] {
    const pod = this.pods.get(name);
    return [pod?.labels[LABEL], pod?.annotations[COST]];
  }

  async elected(term: Partial<Term> = {}): Promise<void> {
    this.publisher.elected({ ...TERM, ...term });
    await promisesSettled();
  }

  async demoted(reason: DemotionReason = 'stepped-down'): Promise<void> {
    this.publisher.demoted(reason);
    await promisesSettled();
  }

  /** Advances the clock second by second. */
  async run(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.clock.advance(1_000);
      await promisesSettled();
    }
  }

  /** Answers the requests that are under way. */
  async release(): Promise<void> {
    this.holds = false;
    for (const answer of this.#held.splice(0)) answer();
    await promisesSettled();
  }

  get #port(): PublishingPort {
    return {
      readPodMetadata: (name) => this.#answer(`read ${name}`, () => success(this.pods.get(name) ?? null)),
      patchPodMetadata: (pod, patch) =>
        this.#answer(`patch ${pod.name}`, () => {
          const stored = this.pods.get(pod.name);
          if (stored === undefined) return failure('notFound');
          // A real server answers this to a patch of an immutable field.
          if (stored.uid !== pod.uid) return failure('rejected');
          if (stored.resourceVersion !== pod.resourceVersion) return failure('conflict');
          this.add(
            pod.name,
            pod.uid,
            merged(stored.labels, patch.labels),
            merged(stored.annotations, patch.annotations),
          );
          return success(null);
        }),
      createEvent: (event) =>
        this.#answer(`event ${event.message}`, () => {
          if (this.events.some(({ name }) => name === event.name)) return failure('alreadyExists');
          this.events.push(event);
          return success(null);
        }),
    };
  }

  async #answer<Value>(call: Call, carryOut: () => Answer<Value>): Promise<Answer<Value>> {
    this.calls.push(call);
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    if (this.holds) await new Promise<void>((resolve) => this.#held.push(resolve));
    else await null;
    this.#atOnce -= 1;
    const failed = this.failing(call);
    if (failed === null) return carryOut();
    return { ok: false, failure: typeof failed === 'string' ? failureOf(failed) : failed };
  }
}

function merged(
  before: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>>,
): Record<string, string> {
  const entries = Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null);
  return Object.fromEntries(entries) as Record<string, string>;
}

function success<Value>(value: Value): Answer<Value> {
  return { ok: true, value };
}

function failure(kind: RequestFailureKind): Answer<never> {
  return { ok: false, failure: failureOf(kind) };
}

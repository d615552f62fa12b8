// Checks that no sequence of answers ends an elector, and that its knowledge is correct again when the server is
// healthy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import { Driver, INPUT_QUEUE_LIMIT } from '../../src/driver/driver.ts';
import { FAILURE_KINDS } from '../core/story.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { failureOf, type OpenStream, promisesSettled, ScriptedPorts, storedLease } from './scripted-ports.ts';

const SELF = { name: 'web-0', uid: 'pod-0' };
const OTHER = { name: 'web-1', uid: 'pod-1' };

/** A candidate, and a server with the Lease of another Pod. */
class Setup {
  readonly world = new ScriptedPorts();
  readonly clock = new ManualClock();
  readonly defects: unknown[] = [];
  readonly driver: Driver;
  /** Runs while the driver processes the next announcement. */
  #duringAnnouncement: (() => void) | null = null;
  #version = 10;

  constructor() {
    this.driver = new Driver({
      config: {
        self: SELF,
        namespace: 'shop',
        leaseName: 'web',
        renewIntervalMs: 10_000,
        leaseDurationSeconds: 30,
        succession: 'pod-deleted',
        startGraceMs: 30_000,
      },
      ports: this.world.ports,
      clock: this.clock,
      random: { next: () => 0.5 },
      application: {
        announce: () => {
          const work = this.#duringAnnouncement;
          this.#duringAnnouncement = null;
          work?.();
        },
        settleWork: () => Promise.resolve(true),
        defect: (error) => this.defects.push(error),
      },
    });
    this.driver.take({ type: 'started' });
    this.world.reportLock('held');
  }

  get lease(): LeaseRecord {
    const content = {
      holderIdentity: OTHER.name,
      owner: OTHER,
      acquireTimeMs: 1_000,
      renewTimeMs: this.#version,
      leaseDurationSeconds: 30,
      leaseTransitions: 0,
      releasedBy: null,
    };
    return storedLease(content, this.#version);
  }

  /** The version of the Lease that the elector knows. */
  get known(): string | undefined {
    return this.driver.state.knowledge.observation?.lease?.resourceVersion;
  }

  get pod(): PodRecord {
    return { ...OTHER, resourceVersion: '5', terminating: false };
  }

  /** Answers every request like a healthy server. */
  async answerAll(copiesInLists: number = 1): Promise<void> {
    for (const { call } of [...this.world.pending]) {
      const request = this.world.take(call);
      const isLease = call.endsWith('lease');
      const item = isLease ? this.lease : call.endsWith(SELF.name) ? { ...this.pod, ...SELF } : this.pod;
      if (!call.startsWith('list ')) request.succeed(item);
      else {
        const items = Array.from({ length: copiesInLists }, () => item);
        request.succeed({ items, resourceVersion: String(this.#version) });
      }
    }
    await promisesSettled();
  }

  async failAll(kind: (typeof FAILURE_KINDS)[number]): Promise<void> {
    for (const { call } of [...this.world.pending]) this.world.take(call).fail(kind);
    await promisesSettled();
  }

  /** Sends this many renewals at once. One of them may close a stream. */
  burst(count: number): void {
    for (let sent = 0; sent < count; sent += 1) {
      this.#version += 1;
      for (const stream of this.#openStreams()) {
        // A watch from a version that the server has not reached stays silent (wire fact 18).
        if (stream.of === 'lease' && this.#version > Number(stream.resumeFrom)) this.#send(stream, this.lease);
      }
    }
  }

  burstInNextTurn(count: number): void {
    this.#duringAnnouncement = () => this.burst(count);
  }

  /** Sends events with earlier versions, and events that were already sent. */
  sendOldEvents(count: number): void {
    for (const stream of this.#openStreams()) {
      for (let sent = 0; sent < count && !stream.closed; sent += 1) {
        this.#send(stream, storedLease(this.lease, Math.max(1, this.#version - sent)));
      }
    }
  }

  endStreams(kind: (typeof FAILURE_KINDS)[number] | null): void {
    for (const stream of this.#openStreams()) {
      stream.closed = true;
      stream.sink.ended(kind === null ? null : failureOf(kind));
    }
  }

  sendErrors(kind: (typeof FAILURE_KINDS)[number]): void {
    for (const stream of this.#openStreams()) stream.sink.event({ type: 'error', failure: failureOf(kind) });
  }

  sendBookmarks(resourceVersion: string, count: number): void {
    for (const stream of this.#openStreams()) {
      for (let sent = 0; sent < count && !stream.closed; sent += 1) {
        stream.sink.event({ type: 'bookmark', resourceVersion });
      }
    }
  }

  openStreams(): void {
    for (const stream of this.#openStreams()) stream.sink.opened();
  }

  /** Lets time pass while the holder renews its Lease and a healthy server answers. */
  async heal(): Promise<void> {
    for (let second = 1; second <= 150; second += 1) {
      this.clock.advance(1_000);
      if (second % 10 === 0) this.burst(1);
      await this.answerAll();
      this.openStreams();
    }
  }

  #openStreams(): readonly OpenStream[] {
    return this.world.streams.filter((stream) => !stream.closed);
  }

  #send(stream: OpenStream, lease: LeaseRecord): void {
    if (stream.closed) return;
    const pod = { ...this.pod, resourceVersion: lease.resourceVersion };
    stream.sink.event({
      type: 'modified',
      item: { ...lease, ...(stream.of === 'lease' ? {} : pod) } as LeaseRecord & PodRecord,
    });
  }
}

const anyKind = fc.constantFrom(...FAILURE_KINDS);
/** The last number is larger than the queue of inputs. */
const anyCount = fc.constantFrom(1, 2, 1_000, 1_002, 5_000, INPUT_QUEUE_LIMIT + 1);
type Behaviour = (setup: Setup) => void | Promise<void>;
const anyBehaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  fc.constantFrom(0, 1, 1, 1, 1_002, INPUT_QUEUE_LIMIT + 1).map(
    (copies): Behaviour =>
      (setup) =>
        setup.answerAll(copies),
  ),
  anyKind.map(
    (kind): Behaviour =>
      (setup) =>
        setup.failAll(kind),
  ),
  anyCount.map(
    (count): Behaviour =>
      (setup) =>
        setup.burst(count),
  ),
  anyCount.map(
    (count): Behaviour =>
      (setup) => {
        setup.burstInNextTurn(count);
        setup.burst(1);
      },
  ),
  anyCount.map(
    (count): Behaviour =>
      (setup) =>
        setup.sendOldEvents(count),
  ),
  fc.tuple(fc.constantFrom('1', '12', '1000000'), anyCount).map(
    ([version, count]): Behaviour =>
      (setup) =>
        setup.sendBookmarks(version, count),
  ),
  fc.option(anyKind).map(
    (kind): Behaviour =>
      (setup) =>
        setup.endStreams(kind),
  ),
  anyKind.map(
    (kind): Behaviour =>
      (setup) =>
        setup.sendErrors(kind),
  ),
  fc.constantFrom(250, 2_000, 20_000, 80_000).map(
    (ms): Behaviour =>
      (setup) =>
        setup.clock.advance(ms),
  ),
  fc.constant<Behaviour>((setup) => setup.openStreams()),
);

test('no sequence of answers and events ends an elector, and it knows the Lease when the server is healthy', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyBehaviour, { maxLength: 12 }), async (behaviours) => {
      const setup = new Setup();
      // A start that is refused ends by design.
      await setup.answerAll();
      for (const behave of behaviours) await behave(setup);
      setup.burst(1);
      await setup.heal();
      assert.deepEqual(setup.defects, []);
      assert.equal(setup.known, setup.lease.resourceVersion);
      setup.burst(1);
      assert.equal(setup.known, setup.lease.resourceVersion, 'the watch missed a renewal');
      setup.driver.take({ type: 'stopRequested', release: 'ifTerminating' });
    }),
    { numRuns: 60 },
  );
});

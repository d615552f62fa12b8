// Checks that no answer makes an elector write as fast as the network allows: against admission webhooks, controllers and
// API servers that answer every write at once with something else than was sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import { ownLease, podOf, RIVAL, SELF, type Story, starts } from './story.ts';

/** What a hostile server makes of a write: the Lease that it keeps, or `null` when it deletes it at once. */
type Alteration = (written: LeaseRecord) => LeaseRecord | null;

/** How the world may answer. */
interface World {
  readonly alter: Alteration;
  /** Whether a DELETE is accepted and the Lease stays. */
  readonly keepsDeleted?: boolean;
  readonly podsReadable?: boolean;
  readonly updates?: 'forbidden' | 'rejected';
  /** The Lease at the start. */
  readonly first?: LeaseRecord;
}

/** The observed time, in milliseconds. */
const SPAN_MS = 60_000;

/** Writes in that time: a create, its renewals and what takes a Lease away, once a second each, and a little at the start. */
const MOST_WRITES = 3 * (SPAN_MS / 1_000) + 10;

/** Requests in that time: each write has its reads. */
const MOST_REQUESTS = 3 * MOST_WRITES;

/** Answers every request at once, and lets time pass only when nothing is under way. */
class HostileWorld {
  readonly #world: World;
  readonly #story: Story;
  #lease: LeaseRecord | null = null;
  #version = 100;
  writes = 0;
  requests = 0;

  constructor(world: World) {
    this.#world = world;
    this.#lease = world.first ?? null;
    this.#story = this.#lease === null ? starts().absent('10') : starts().listed(this.#lease);
  }

  run(): void {
    const story = this.#story;
    const endMs = story.nowMs + SPAN_MS;
    while (story.nowMs < endMs && this.requests <= 10 * MOST_REQUESTS) {
      const [next] = story.inFlight.values();
      if (next !== undefined) this.#answer(next.request);
      else if (!this.#fireNext()) return;
    }
  }

  #fireNext(): boolean {
    const [next] = [...this.#story.timers].sort(([, left], [, right]) => left - right);
    if (next === undefined) return false;
    this.#story.fire(next[0]);
    return true;
  }

  #answer(request: number): void {
    const story = this.#story;
    const asked = story.inFlight.get(request);
    assert.ok(asked);
    this.requests += 1;
    switch (asked.type) {
      case 'readLease':
        story.tell({ type: 'leaseRead', request, lease: this.#lease });
        break;
      case 'readPod': {
        if (this.#world.podsReadable === false) {
          story.fail('readPod', 'forbidden', asked.name);
          break;
        }
        const pod = asked.name === SELF.name ? podOf(SELF) : null;
        story.tell({ type: 'podRead', request, name: asked.name, pod });
        break;
      }
      case 'createLease':
        this.writes += 1;
        if (this.#lease !== null) story.fail('createLease', 'alreadyExists');
        else this.#write(request, { ...this.#nextIdentity(), ...asked.content });
        break;
      case 'replaceLease':
        this.writes += 1;
        if (this.#world.updates !== undefined) story.fail('replaceLease', this.#world.updates);
        else if (this.#lease?.resourceVersion !== asked.lease.resourceVersion) story.fail('replaceLease', 'conflict');
        else this.#write(request, { ...this.#lease, ...asked.content });
        break;
      case 'deleteLease':
        this.writes += 1;
        this.#delete(request);
        break;
    }
  }

  #nextIdentity() {
    return {
      uid: `lease-${this.#version}`,
      resourceVersion: '0',
      terminating: false,
      finalizers: [],
      source: null,
    };
  }

  #write(request: number, written: LeaseRecord): void {
    this.#version += 2;
    const kept = this.#world.alter({ ...written, resourceVersion: String(this.#version) });
    const answered = kept ?? { ...written, resourceVersion: String(this.#version) };
    this.#lease = kept;
    this.#story.watched(answered);
    // What is deleted at once is known to be gone before the answer.
    if (kept === null) this.#story.deleted({ ...answered, resourceVersion: String(this.#version + 1) });
    this.#story.tell({ type: 'leaseWritten', request, lease: answered });
  }

  #delete(request: number): void {
    const lease = this.#lease;
    this.#version += 2;
    if (lease === null || this.#world.keepsDeleted !== true) {
      this.#lease = null;
      this.#story.tell({ type: 'leaseRemoved', request });
      return;
    }
    this.#lease = { ...lease, resourceVersion: String(this.#version), terminating: true, finalizers: ['a/b'] };
    this.#story.tell({ type: 'leaseDeletionPending', request, lease: this.#lease });
  }
}

const worlds: Readonly<Record<string, World>> = {
  'leaves every write as it is': { alter: (lease) => lease },
  'takes the owner off': { alter: (lease) => ({ ...lease, owner: null }) },
  'takes owner and holder off': { alter: (lease) => ({ ...lease, owner: null, holderIdentity: null }) },
  'takes owner, holder and duration off': {
    alter: (lease) => ({ ...lease, owner: null, holderIdentity: null, leaseDurationSeconds: null }),
  },
  'takes the owner off renewals': {
    alter: (lease) => (lease.renewTimeMs === null ? lease : { ...lease, owner: null }),
  },
  'gives the Lease to a Pod that does not exist': { alter: (lease) => ({ ...lease, owner: RIVAL }) },
  'gives renewals to a Pod that does not exist': {
    alter: (lease) => (lease.renewTimeMs === null ? lease : { ...lease, owner: RIVAL }),
  },
  'marks every write as released': { alter: (lease) => ({ ...lease, releasedBy: SELF.uid }) },
  'marks renewals as released': {
    alter: (lease) => (lease.renewTimeMs === null ? lease : { ...lease, releasedBy: SELF.uid }),
  },
  'deletes whatever is written': { alter: () => null },
  'deletes what is renewed': { alter: (lease) => (lease.renewTimeMs === null ? lease : null) },
  'deletes whatever is written, and Pods cannot be read': { alter: () => null, podsReadable: false },
  'marks every write as released, and keeps what is deleted': {
    alter: (lease) => ({ ...lease, releasedBy: SELF.uid }),
    keepsDeleted: true,
  },
  'gives the Lease away, and keeps what is deleted': {
    alter: (lease) => ({ ...lease, owner: RIVAL }),
    keepsDeleted: true,
  },
  'refuses renewals, and reads of Pods': {
    alter: (lease) => lease,
    podsReadable: false,
    updates: 'forbidden',
    first: ownLease(),
  },
  'refuses renewals by a webhook, and reads of Pods': {
    alter: (lease) => lease,
    podsReadable: false,
    updates: 'rejected',
    first: ownLease(),
  },
  'changes every renewTime': { alter: (lease) => ({ ...lease, renewTimeMs: lease.renewTimeMs === null ? null : 1 }) },
};

for (const [what, world] of Object.entries(worlds)) {
  test(`a server that ${what} is asked a few times a second at most`, () => {
    const hostile = new HostileWorld(world);
    hostile.run();
    assert.ok(hostile.writes > 0, 'it was written to at all');
    assert.ok(hostile.writes <= MOST_WRITES, `${hostile.writes} writes in ${SPAN_MS} ms`);
    assert.ok(hostile.requests <= MOST_REQUESTS, `${hostile.requests} requests in ${SPAN_MS} ms`);
  });
}

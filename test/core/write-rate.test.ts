// Checks that an elector never writes as fast as the network allows, even against webhooks, controllers and API servers
// that change every write at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import { ownLease, podOf, RIVAL, SELF, type Story, starts } from './story.ts';

/** The Lease that a hostile server keeps after a write, or `null` when it deletes the Lease at once. */
type Alteration = (written: LeaseRecord) => LeaseRecord | null;

/** The behaviour of a hostile server. */
interface Behaviour {
  readonly alter: Alteration;
  /** A DELETE is accepted, and the Lease remains. */
  readonly keepsDeleted?: boolean;
  readonly podsReadable?: boolean;
  readonly updates?: 'forbidden' | 'rejected';
  /** The Lease at the start. */
  readonly first?: LeaseRecord;
}

/** The duration of a run, in milliseconds. */
const SPAN_MS = 60_000;

/** The most writes in a run: a create, a renewal and a deletion a second, and ten more at the start. */
const MOST_WRITES = 3 * (SPAN_MS / 1_000) + 10;

/** The most requests in a run: each write may need two reads. */
const MOST_REQUESTS = 3 * MOST_WRITES;

/** A hostile server. It answers every request at once. Time passes only when no request is unanswered. */
class HostileServer {
  readonly #behaviour: Behaviour;
  readonly #story: Story;
  #lease: LeaseRecord | null = null;
  #version = 100;
  writes = 0;
  requests = 0;

  constructor(behaviour: Behaviour) {
    this.#behaviour = behaviour;
    this.#lease = behaviour.first ?? null;
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
    const sent = story.inFlight.get(request);
    assert.ok(sent);
    this.requests += 1;
    switch (sent.type) {
      case 'readLease':
        story.take({ type: 'leaseRead', request, lease: this.#lease });
        break;
      case 'readPod': {
        if (this.#behaviour.podsReadable === false) {
          story.fail('readPod', 'forbidden', sent.name);
          break;
        }
        const pod = sent.name === SELF.name ? podOf(SELF) : null;
        story.take({ type: 'podRead', request, name: sent.name, pod });
        break;
      }
      case 'createLease':
        this.writes += 1;
        if (this.#lease !== null) story.fail('createLease', 'alreadyExists');
        else this.#write(request, { ...this.#nextIdentity(), ...sent.content });
        break;
      case 'replaceLease':
        this.writes += 1;
        if (this.#behaviour.updates !== undefined) story.fail('replaceLease', this.#behaviour.updates);
        else if (this.#lease?.resourceVersion !== sent.lease.resourceVersion) story.fail('replaceLease', 'conflict');
        else this.#write(request, { ...this.#lease, ...sent.content });
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
    const kept = this.#behaviour.alter({ ...written, resourceVersion: String(this.#version) });
    const answered = kept ?? { ...written, resourceVersion: String(this.#version) };
    this.#lease = kept;
    this.#story.watched(answered);
    // A deletion is observed before the answer to the write.
    if (kept === null) this.#story.deleted({ ...answered, resourceVersion: String(this.#version + 1) });
    this.#story.take({ type: 'leaseWritten', request, lease: answered });
  }

  #delete(request: number): void {
    const lease = this.#lease;
    this.#version += 2;
    if (lease === null || this.#behaviour.keepsDeleted !== true) {
      this.#lease = null;
      this.#story.take({ type: 'leaseRemoved', request });
      return;
    }
    this.#lease = { ...lease, resourceVersion: String(this.#version), terminating: true, finalizers: ['a/b'] };
    this.#story.take({ type: 'leaseDeletionPending', request, lease: this.#lease });
  }
}

const behaviours: Readonly<Record<string, Behaviour>> = {
  'leaves every write as it is': { alter: (lease) => lease },
  'removes the owner': { alter: (lease) => ({ ...lease, owner: null }) },
  'removes owner and holder': { alter: (lease) => ({ ...lease, owner: null, holderIdentity: null }) },
  'removes owner, holder and duration': {
    alter: (lease) => ({ ...lease, owner: null, holderIdentity: null, leaseDurationSeconds: null }),
  },
  'removes the owner of renewals': {
    alter: (lease) => (lease.renewTimeMs === null ? lease : { ...lease, owner: null }),
  },
  'gives the Lease to a Pod that does not exist': { alter: (lease) => ({ ...lease, owner: RIVAL }) },
  'gives renewals to a Pod that does not exist': {
    alter: (lease) => (lease.renewTimeMs === null ? lease : { ...lease, owner: RIVAL }),
  },
  'adds the release annotation to every write': { alter: (lease) => ({ ...lease, releasedBy: SELF.uid }) },
  'adds the release annotation to renewals': {
    alter: (lease) => (lease.renewTimeMs === null ? lease : { ...lease, releasedBy: SELF.uid }),
  },
  'deletes every written Lease': { alter: () => null },
  'deletes every renewed Lease': { alter: (lease) => (lease.renewTimeMs === null ? lease : null) },
  'deletes every written Lease and refuses reads of Pods': { alter: () => null, podsReadable: false },
  'adds the release annotation to every write and keeps deleted Leases': {
    alter: (lease) => ({ ...lease, releasedBy: SELF.uid }),
    keepsDeleted: true,
  },
  'gives the Lease away and keeps deleted Leases': {
    alter: (lease) => ({ ...lease, owner: RIVAL }),
    keepsDeleted: true,
  },
  'refuses renewals and reads of Pods': {
    alter: (lease) => lease,
    podsReadable: false,
    updates: 'forbidden',
    first: ownLease(),
  },
  'refuses renewals by a webhook and reads of Pods': {
    alter: (lease) => lease,
    podsReadable: false,
    updates: 'rejected',
    first: ownLease(),
  },
  'changes every renewTime': { alter: (lease) => ({ ...lease, renewTimeMs: lease.renewTimeMs === null ? null : 1 }) },
};

for (const [what, behaviour] of Object.entries(behaviours)) {
  test(`a server that ${what} receives at most ten requests a second on average`, () => {
    const hostile = new HostileServer(behaviour);
    hostile.run();
    assert.ok(hostile.writes > 0, 'no write');
    assert.ok(hostile.writes <= MOST_WRITES, `${hostile.writes} writes in ${SPAN_MS} ms`);
    assert.ok(hostile.requests <= MOST_REQUESTS, `${hostile.requests} requests in ${SPAN_MS} ms`);
  });
}

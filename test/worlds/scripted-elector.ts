/**
 * An elector with a manual clock and a scripted API server. The test makes each answer.
 */

import assert from 'node:assert/strict';
import type { LeaseContent, LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { LeaseElectorOptions, Term } from '../../src/index.ts';
import { LeaseElector } from '../../src/lease-elector.ts';
import { promisesSettled, ScriptedPorts, storedLease } from '../driver/scripted-ports.ts';
import { journalOf } from '../integration/cluster.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** The Pod of the elector. */
export const SELF = { name: 'web-0', uid: 'pod-0' } as const;

/** That Pod, as the API server shows it. */
export const OWN_POD: PodRecord = { ...SELF, resourceVersion: '5', terminating: false };

/** Another Pod. */
export const OTHER = { name: 'web-1', uid: 'pod-1' } as const;

export class ScriptedElector {
  readonly world: ScriptedPorts = new ScriptedPorts();
  readonly clock: ManualClock;
  readonly elector: LeaseElector;
  readonly journal: string[];
  /** The Lease, while this Pod holds it. */
  lease: LeaseRecord | null = null;

  constructor(options: LeaseElectorOptions = {}, clock: ManualClock = new ManualClock()) {
    this.clock = clock;
    const { siblingLock: lock, ...ports } = this.world.ports;
    this.elector = new LeaseElector(
      { lease: 'web', ...options },
      {
        clock,
        random: { next: () => 0.5 },
        connect: async () => ({
          identify: async () => ({ ok: true, value: { pod: SELF, namespace: 'shop', lease: 'web' } }),
          ports: () => ports,
          close: () => undefined,
        }),
        siblingLock: () => lock,
      },
    );
    this.journal = journalOf(this.elector);
  }

  /** Gives the elector the sibling lock and the list of Leases. Resolves when the elector has processed both. */
  async shown(lease: LeaseRecord | null): Promise<void> {
    this.world.reportLock('held');
    this.world.take('list lease').succeed({ items: lease === null ? [] : [lease], resourceVersion: '10' });
    await promisesSettled();
  }

  /** Makes the elector the leader. There is no other candidate. */
  async lead(): Promise<Term> {
    const started = this.elector.start();
    await promisesSettled();
    await this.shown(null);
    this.world.take(`read pod ${SELF.name}`).succeed(OWN_POD);
    await promisesSettled();
    const { content, succeed } = this.world.take('create lease');
    this.lease = storedLease(content as LeaseContent, 11);
    succeed(this.lease);
    await started;
    // The first renewal is due at once, and the work begins with it.
    this.clock.advance(0);
    const renewal = this.world.take('replace lease');
    this.lease = { ...this.lease, ...renewal.content, resourceVersion: '12' };
    renewal.succeed(this.lease);
    await promisesSettled();
    const { term } = this.elector;
    assert.ok(term);
    return term;
  }

  /** Advances the clock second by second. */
  run(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) this.clock.advance(1_000);
  }

  /** Answers the two reads of `confirm()`. */
  async confirms(lease: LeaseRecord | null = this.lease, pod: unknown = OWN_POD): Promise<void> {
    this.world.take('read lease').succeed(lease);
    this.world.take(`read pod ${SELF.name}`).succeed(pod);
    await promisesSettled();
  }
}

/** A newer Lease of another Pod. */
export function takenBy(
  lease: LeaseRecord | null,
  owner: { readonly name: string; readonly uid: string },
): LeaseRecord {
  assert.ok(lease);
  return { ...lease, uid: 'lease-2', resourceVersion: '20', owner, holderIdentity: owner.name };
}

/**
 * A driver whose ports and application record everything, and the two states from which most tests start.
 */

import assert from 'node:assert/strict';
import type { LeaseContent, LeaseRecord, PodRecord, PodReference } from '../../src/core/lease-record.ts';
import type { ElectionConfig } from '../../src/core/state.ts';
import { type Application, Driver } from '../../src/driver/driver.ts';
import { ManualClock } from '../worlds/manual-clock.ts';
import { promisesSettled, ScriptedPorts, storedLease } from './scripted-ports.ts';

export const SELF: PodReference = { name: 'web-0', uid: 'pod-0' };
export const OTHER: PodReference = { name: 'web-1', uid: 'pod-1' };
export const SELF_POD: PodRecord = { ...SELF, resourceVersion: '5', terminating: false };
export const OTHER_POD: PodRecord = { ...OTHER, resourceVersion: '5', terminating: false };

const CONFIG: ElectionConfig = {
  self: SELF,
  namespace: 'shop',
  leaseName: 'web',
  renewIntervalMs: 1_000,
  leaseDurationSeconds: 3,
  succession: 'pod-deleted',
  startGraceMs: 30_000,
};

export interface Driven {
  readonly world: ScriptedPorts;
  readonly clock: ManualClock;
  readonly driver: Driver;
  /** Announcements, changes of the role, and restarted watches, in their order. */
  readonly log: string[];
  /** The promises of `settleWork`, in their order. */
  readonly settlings: PromiseWithResolvers<boolean>[];
  /** How often the sibling lock was freed. */
  readonly freed: () => number;
}

/** @param change replaces methods of the application */
export function drive(change: (application: Application) => Application = (application) => application): Driven {
  const world = new ScriptedPorts();
  const clock = new ManualClock();
  const log: string[] = [];
  const settlings: PromiseWithResolvers<boolean>[] = [];
  let freed = 0;
  const { free } = world.ports.siblingLock;
  Object.assign(world.ports.siblingLock, {
    free: () => {
      freed += 1;
      free();
    },
  });
  const application: Application = {
    announce: (announcement) =>
      log.push(announcement.type === 'demoted' ? `demoted: ${announcement.reason}` : announcement.type),
    settleWork: () => {
      const settling = Promise.withResolvers<boolean>();
      settlings.push(settling);
      return settling.promise;
    },
    roleChanged: () => log.push(`role ${driver.state.role.name}`),
    watchRestarted: (resource, cause) => log.push(`watch of ${resource} restarted: ${cause}`),
    defect: () => log.push('defect'),
  };
  const driver: Driver = new Driver({
    config: CONFIG,
    ports: world.ports,
    clock,
    random: { next: () => 0.5 },
    application: change(application),
  });
  return { world, clock, driver, log, settlings, freed: () => freed };
}

export function leaseOfOther(resourceVersion: number, renewTimeMs: number): LeaseRecord {
  const content: LeaseContent = {
    holderIdentity: OTHER.name,
    owner: OTHER,
    acquireTimeMs: 1_000,
    renewTimeMs,
    leaseDurationSeconds: 3,
    leaseTransitions: 0,
    releasedBy: null,
  };
  return storedLease(content, resourceVersion);
}

/** The driver leads, and its first renewal is not sent yet. */
export async function lead({ world, driver }: Driven): Promise<LeaseRecord> {
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [], resourceVersion: '10' });
  await promisesSettled();
  world.take('read pod web-0').succeed(SELF_POD);
  await promisesSettled();
  const creation = world.take('create lease');
  const lease = storedLease(creation.content as LeaseContent, 11);
  creation.succeed(lease);
  await promisesSettled();
  assert.equal(driver.state.role.name, 'leader');
  return lease;
}

/** The driver follows another Pod, whose Pod it watches. */
export async function follow({ world, driver }: Driven): Promise<void> {
  driver.take({ type: 'started' });
  world.reportLock('held');
  world.take('list lease').succeed({ items: [leaseOfOther(10, 1)], resourceVersion: '10' });
  await promisesSettled();
  world.take('list pod web-1').succeed({ items: [OTHER_POD], resourceVersion: '10' });
  await promisesSettled();
  for (const subject of ['lease', 'pod web-1']) world.stream(subject).sink.opened();
}

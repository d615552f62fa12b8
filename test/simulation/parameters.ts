/**
 * The parameters of one simulation, drawn from its seed: the number of Pods, the faults, and their probabilities.
 *
 * Each fault is left out of most seeds. If all faults always came together, the effect of a few of them would be
 * hidden.
 */

import type { Random } from '../../src/runtime/random.ts';
import { ALL_PERMISSIONS, type Permissions, SIDECAR_PERMISSIONS } from '../worlds/permissions.ts';
import { CALM, type NetworkConditions } from './network-conditions.ts';

/** The faults besides the network conditions; `faults.ts` implements them. */
export const FAULTS = [
  'container crashes',
  'process pauses',
  'processes cut off',
  'clock changes',
  'API server down',
  'API server restarted',
  'history compacted',
  'watches cut',
  'watches silenced',
  'lists fall behind',
  'Pod deleted',
  'Pod deleted by force',
  'Pod evicted',
  'Pod finished',
  'Pod reported as failed',
  'node lost',
  'rolling update',
  'Lease deleted by hand',
  'Lease edited by hand',
  'Lease orphaned by hand',
  'permissions withdrawn',
  'elector stopped',
  'leader steps down',
  'API server malfunctions',
  'connections slow',
  'binds refused',
  'webhook refuses',
  'webhook changes',
  'Lease with a finalizer',
  'process mirrored',
  'Lease given to a stranger',
  'successor forged',
] as const;

export type Fault = (typeof FAULTS)[number];

/** The parameters of one simulation. */
export interface SimulationParameters {
  readonly pods: number;
  /** A Pod that is gone is re-created under its name. */
  readonly statefulSet: boolean;
  /** The probability that a Pod has two containers with an elector each. */
  readonly siblings: number;
  /** The number of Pods with a sidecar that creates a missing Lease and never renews it. */
  readonly sidecars: number;
  /** The number of time-based electors, which take a Lease that was not renewed. */
  readonly expiringElectors: number;
  readonly faultyForMs: number;
  readonly conditions: NetworkConditions;
  readonly faults: readonly Fault[];
  readonly faultEveryMs: number;
  /** The maximum number of simultaneous requests of a process. */
  readonly connections: number;
  /**
   * The garbage collector: the cluster's own, none, or that of an old cluster, which is late and has only the uid as a
   * precondition.
   */
  readonly collector: 'real' | 'absent' | 'old';
  readonly collectorDelayMs: number;
  readonly collectorStepMs: number;
  readonly permissions: Permissions;
  /** The probability that the clock of a process runs at half to double speed. */
  readonly skewedClocks: number;
  readonly wallOffsetMs: number;
  /** The probability that the requests of a process go to the API server whose lists are stale. */
  readonly staleLists: number;
  /**
   * The probability that an elector has the succession `pod-stopped`: a Pod whose containers have all ended counts as
   * gone.
   */
  readonly stoppedCountsAsGone: number;
  readonly restartWithinMs: number;
  /** The longest time that the process of a force-deleted Pod continues to run, in milliseconds. */
  readonly ghostsLiveMs: number;
  /** The probability of each kind of wrong behavior of an application. */
  readonly disobedience: number;
}

/** Draws the parameters of a simulation. */
export function drawParameters(random: Random): SimulationParameters {
  const happens = (chance: number): boolean => random.next() < chance;
  const from = (least: number, most: number): number => least + random.next() * (most - least);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random.next() * items.length)] as Item;
  const chance = (likely: number, most: number): number => (happens(likely) ? from(0, most) : 0);
  // Some seeds have few faults, some have many.
  const faultChance = pick([0.1, 0.25, 0.5]);
  const parameters: SimulationParameters = {
    pods: 2 + Math.floor(random.next() ** 2 * 8),
    statefulSet: happens(0.4),
    siblings: happens(0.2) ? from(0.2, 1) : 0,
    sidecars: happens(0.15) ? 1 + Math.floor(random.next() * 2) : 0,
    expiringElectors: happens(0.1) ? 1 : 0,
    faultyForMs: Math.round(from(60_000, 300_000)),
    conditions: happens(0.2) ? CALM : drawConditions(chance, from, happens),
    faults: FAULTS.filter((fault) => fault !== 'successor forged' && happens(faultChance)),
    faultEveryMs: Math.round(pick([1_000, 5_000, 15_000])),
    connections: pick([1, 2, 2, 8]),
    collector: pick(['real', 'real', 'real', 'absent', 'old']),
    collectorDelayMs: pick([0, 100, 20_000]),
    collectorStepMs: pick([0, 50, 2_000]),
    permissions: happens(0.75) ? ALL_PERMISSIONS : drawPermissions(happens),
    skewedClocks: pick([0, 0, 0.5, 1]),
    wallOffsetMs: pick([0, 3_600_000]),
    staleLists: happens(0.2) ? 0.5 : 0,
    stoppedCountsAsGone: pick([0, 0, 0.5, 1]),
    restartWithinMs: pick([500, 20_000]),
    ghostsLiveMs: pick([1_000, 60_000, 600_000]),
    disobedience: pick([0, 0, 0.3]),
  };
  // This fault depends on a number that is already drawn, so that the seeds without this fault stay the same.
  if (parameters.faultyForMs % 3 !== 0) return parameters;
  return { ...parameters, faults: [...parameters.faults, 'successor forged'] };
}

function drawConditions(
  chance: (likely: number, most: number) => number,
  from: (least: number, most: number) => number,
  happens: (chance: number) => boolean,
): NetworkConditions {
  return {
    latencyMs: from(0.1, 20),
    jitterMs: happens(0.3) ? from(50, 3_000) : from(1, 30),
    lostRequest: chance(0.3, 0.2),
    lostAnswer: chance(0.3, 0.2),
    resetAnswer: chance(0.3, 0.2),
    keptConnectionDies: chance(0.2, 0.5),
    lateRequest: chance(0.3, 0.2),
    repeatedRequest: chance(0.3, 0.3),
    errorAnswer: chance(0.3, 0.3),
    errorAfterwards: chance(0.3, 0.2),
    silentWatch: chance(0.2, 0.3),
    watchLagMs: happens(0.3) ? from(100, 30_000) : 0,
    splitLines: happens(0.2),
  };
}

/** The permissions of the sidecar, or all permissions except some. */
function drawPermissions(happens: (chance: number) => boolean): Permissions {
  const without = (verbs: readonly string[], withheld: readonly string[]): string[] =>
    verbs.filter((verb) => !withheld.includes(verb) || !happens(0.5));
  if (happens(0.5)) return SIDECAR_PERMISSIONS;
  return {
    leases: without(ALL_PERMISSIONS.leases, ['update', 'delete']),
    pods: without(ALL_PERMISSIONS.pods, ['get', 'list', 'watch']),
  };
}

/** A few lines that describe these parameters. */
export function describeParameters(parameters: SimulationParameters): string {
  const { conditions, permissions, faults, ...rest } = parameters;
  const bad = Object.entries(conditions).filter(([, value]) => value !== 0 && value !== false);
  const numbers = (entries: readonly (readonly [string, unknown])[]): string =>
    entries.map(([name, value]) => `${name} ${typeof value === 'number' ? round(value) : String(value)}`).join(', ');
  return [
    numbers(Object.entries(rest)),
    `conditions: ${numbers(bad)}`,
    `permissions: leases ${permissions.leases.join(' ')}; pods ${permissions.pods.join(' ') || 'none'}`,
    `faults: ${faults.join(', ') || 'none'}`,
  ].join('\n');
}

function round(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Three Pods for half a minute, without faults. */
export const PLAIN: SimulationParameters = {
  pods: 3,
  statefulSet: false,
  siblings: 0,
  sidecars: 0,
  expiringElectors: 0,
  faultyForMs: 30_000,
  conditions: CALM,
  faults: [],
  faultEveryMs: 2_000,
  connections: 2,
  collector: 'absent',
  collectorDelayMs: 0,
  collectorStepMs: 0,
  permissions: ALL_PERMISSIONS,
  skewedClocks: 0,
  wallOffsetMs: 0,
  staleLists: 0,
  stoppedCountsAsGone: 0,
  restartWithinMs: 500,
  ghostsLiveMs: 60_000,
  disobedience: 0,
};

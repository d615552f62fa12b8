/**
 * A simulated cluster in which nothing goes wrong but what a test does: healthy network, good clocks, obedient applications.
 */

import { LeaseElector } from '../../src/lease-elector.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { Checkers } from './checkers.ts';
import { Cluster } from './cluster.ts';
import { CALM } from './network-conditions.ts';
import { drawParameters, type SimulationParameters } from './parameters.ts';
import type { ElectorFactory } from './simulated-process.ts';
import { VirtualTime } from './virtual-time.ts';

const QUIET: Partial<SimulationParameters> = {
  pods: 3,
  statefulSet: false,
  siblings: 0,
  sidecars: 0,
  expiringElectors: 0,
  conditions: CALM,
  faults: [],
  connections: 2,
  collector: 'real',
  collectorDelayMs: 0,
  collectorStepMs: 0,
  permissions: ALL_PERMISSIONS,
  skewedClocks: 0,
  wallOffsetMs: 0,
  staleLists: 0,
  succeedsStopped: 0,
  restartWithinMs: 1_000,
  disobedience: 0,
};

/** @param options.makeElector makes the library's own elector by default */
export function calmCluster(
  options: {
    readonly seed?: number;
    readonly makeElector?: ElectorFactory;
    readonly adjust?: Partial<SimulationParameters>;
  } = {},
): { readonly cluster: Cluster; readonly time: VirtualTime } {
  const { seed = 14, adjust = {} } = options;
  const makeElector: ElectorFactory =
    options.makeElector ?? ((given, surroundings) => new LeaseElector(given, surroundings));
  const time = new VirtualTime();
  const log = (): void => undefined;
  const checkers = new Checkers(log);
  const parameters = { ...drawParameters(seededRandom(seed)), ...QUIET, ...adjust };
  const cluster = new Cluster({ parameters, time, random: seededRandom(seed), checkers, makeElector, log });
  checkers.attach(cluster);
  return { cluster, time };
}

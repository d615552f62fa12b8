/**
 * A simulated cluster with a healthy network, exact clocks, and applications without errors. The tests inject the
 * faults.
 */

import { LeaseElector } from '../../src/lease-elector.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { Checkers } from './checkers.ts';
import { Cluster } from './cluster.ts';
import { PLAIN, type SimulationParameters } from './parameters.ts';
import type { ElectorFactory } from './simulated-process.ts';
import { VirtualTime } from './virtual-time.ts';

const QUIET: SimulationParameters = { ...PLAIN, collector: 'real', restartWithinMs: 1_000 };

/**
 * Makes the cluster. `pass` lets the given number of seconds pass.
 *
 * @param options.makeElector makes the library's own elector by default
 */
export function calmCluster(
  options: {
    readonly seed?: number;
    readonly makeElector?: ElectorFactory;
    readonly adjust?: Partial<SimulationParameters>;
  } = {},
): { readonly cluster: Cluster; readonly time: VirtualTime; readonly pass: (seconds: number) => Promise<void> } {
  const { seed = 14, adjust = {} } = options;
  const makeElector: ElectorFactory = options.makeElector ?? ((given, runtime) => new LeaseElector(given, runtime));
  const time = new VirtualTime();
  const log = (): void => undefined;
  const checkers = new Checkers(log);
  const parameters = { ...QUIET, ...adjust };
  const cluster = new Cluster({ parameters, time, random: seededRandom(seed), checkers, makeElector, log });
  checkers.attach(cluster);
  const pass = (seconds: number): Promise<void> => {
    // The work that has just begun runs as far as it can before time passes.
    time.setTimer(0, () => undefined);
    return time.runUntil(time.nowMs() + seconds * 1_000, () => true);
  };
  return { cluster, time, pass };
}

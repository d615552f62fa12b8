/**
 * A process that claims the sibling lock and reports every outcome on its standard output, for
 * `sibling-lock.test.ts`. Given `cluster`, two workers of node:cluster claim it instead.
 */

import cluster from 'node:cluster';
import { systemClock } from '../src/clock.ts';
import { systemRandom } from '../src/random.ts';
import { siblingLock } from '../src/sibling-lock.ts';

const [podUid = '', mode = ''] = process.argv.slice(2);

if (mode === 'cluster' && cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  const lock = siblingLock({ podUid, namespace: 'shop', lease: 'web', clock: systemClock, random: systemRandom });
  lock.claim((outcome) => process.stdout.write(`${outcome}\n`));
  // The lock itself keeps no process alive; the parent's pipe does, until the parent is gone.
  if (mode !== 'alone') process.stdin.resume();
}

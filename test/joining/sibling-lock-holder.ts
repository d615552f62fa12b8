/**
 * A process that claims the sibling lock and reports every outcome on its standard output, for
 * `sibling-lock.test.ts`. Given `cluster`, two workers of node:cluster claim it instead; given `short`, it claims
 * it while it has no file descriptor left, and gives them back when it is told to go on.
 */

import cluster from 'node:cluster';
import { closeSync, openSync } from 'node:fs';
import { siblingLock } from '../../src/joining/sibling-lock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';

const [podUid = '', mode = ''] = process.argv.slice(2);

if (mode === 'cluster' && cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  const lock = siblingLock({ podUid, namespace: 'shop', lease: 'web', clock: systemClock, random: systemRandom });
  // The first use of a standard stream needs a descriptor; the lock itself keeps no process alive, the parent's pipe
  // does, until the parent is gone.
  if (mode !== 'alone') process.stdin.resume();
  process.stdout.write('');
  const hoard = mode === 'short' ? openAll() : [];
  lock.claim((outcome) => process.stdout.write(`${outcome}\n`));
  if (mode === 'short') {
    process.stdout.write('short of descriptors\n');
    process.stdin.once('data', () => hoard.forEach(closeSync));
  }
}

/** Opens files until there is no descriptor left. */
function openAll(): number[] {
  const descriptors: number[] = [];
  for (;;) {
    try {
      descriptors.push(openSync('/dev/null', 'r'));
    } catch {
      return descriptors;
    }
  }
}

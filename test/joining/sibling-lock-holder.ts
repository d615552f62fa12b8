/**
 * A process for `sibling-lock.test.ts`. It claims the sibling lock and writes every outcome to its standard output.
 * With `cluster`, two workers of node:cluster claim it. With `short`, it claims the lock while no file descriptor is
 * free, and frees some when it reads a line.
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
  // The first use of a standard stream needs a descriptor. The lock keeps no process alive. The pipe from the parent
  // does, as long as the parent lives.
  if (mode !== 'alone') process.stdin.resume();
  process.stdout.write('');
  const hoard = mode === 'short' ? openAll() : [];
  lock.claim((outcome) => process.stdout.write(`${outcome}\n`));
  if (mode === 'short') {
    process.stdout.write('short of descriptors\n');
    process.stdin.once('data', () => hoard.forEach(closeSync));
  }
}

/** Opens files until no descriptor is free. */
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

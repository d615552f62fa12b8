/**
 * The file of the seeds that found something: what may stand in it, and what is said of what may not.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSeeds } from './seeds.ts';

test('a line is a seed and what it found; comments and empty lines are skipped', () => {
  assert.deepEqual(parseSeeds('# why\n\n26  # a stale list # believed\n4294967295 #x\n'), [
    { seed: 26, found: 'a stale list # believed' },
    { seed: 4_294_967_295, found: 'x' },
  ]);
});

const MISTAKES: readonly (readonly [text: string, message: string])[] = [
  ['26', 'seeds.txt:1: "26" is not `seed  # what it found`'],
  ['1 # one\n2  #  ', 'seeds.txt:2: "2  #  " is not `seed  # what it found`'],
  ['-1 # one', 'seeds.txt:1: "-1 # one" is not `seed  # what it found`'],
  ['4294967296 # one', 'seeds.txt:1: "4294967296 # one": a seed is at most 4294967295'],
  ['1 # one\n\n1 # again', 'seeds.txt:3: "1 # again": the seed 1 stands above already'],
];

for (const [text, message] of MISTAKES) {
  test(`${JSON.stringify(text)} is a mistake that is named`, () => {
    assert.throws(() => parseSeeds(text), { message });
  });
}

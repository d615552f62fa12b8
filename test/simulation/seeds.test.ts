/**
 * The format of `seeds.txt`, and the errors for lines in another format.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSeeds } from './seeds.ts';

test('the parser returns a seed and its finding for each line, and skips comments and empty lines', () => {
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
  ['1 # one\n\n1 # again', 'seeds.txt:3: "1 # again": the seed 1 is already in a line above'],
];

for (const [text, message] of MISTAKES) {
  test(`the parser rejects ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseSeeds(text), { message });
  });
}

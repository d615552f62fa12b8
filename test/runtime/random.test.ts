/**
 * Checks random numbers with a seed, and the form of a UUID.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUuid, seededRandom } from '../../src/runtime/random.ts';

test('a seed always has the same numbers, because a failed simulation is repeated by its seed', () => {
  const random = seededRandom(7);
  const numbers = [random.next(), random.next(), random.next()];
  assert.deepEqual(
    numbers.map((number) => number * 2 ** 32),
    [50_271_532, 266_108_690, 4_195_786_334],
  );
});

for (const [digit, uuid] of [
  [0, '00000000-0000-4000-8000-000000000000'],
  [6, '66666666-6666-4666-a666-666666666666'],
  [15, 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
] as const) {
  test(`a UUID is ${uuid} when each random digit is ${digit}`, () => {
    assert.equal(randomUuid({ next: () => digit / 16 }), uuid);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FaultEffects } from '../../src/testing/kit/faults/fault.ts';
import { type RandomFaults, RandomMix } from '../../src/testing/kit/faults/random-faults.ts';
import type { RequestAttributes } from '../../src/testing/kit/request-filter.ts';

const MIX: RandomFaults = {
  delay: 0.3,
  refuse: 0.1,
  answer: 0.1,
  dropAnswer: 0.2,
  cutWatches: 0.1,
  silenceWatches: 0.1,
};
const RENEWAL: RequestAttributes = { client: 'web-0', verb: 'update', resource: 'leases' };

function draws(mix: RandomMix, request: RequestAttributes, count: number): (FaultEffects | undefined)[] {
  return Array.from({ length: count }, () => mix.draw(request));
}

test('the same seed draws the same faults, and another seed draws others', () => {
  const [first, second, other] = [1, 1, 2].map((seed) => draws(new RandomMix(seed, MIX, {}), RENEWAL, 50));
  assert.deepEqual(first, second);
  assert.notDeepEqual(first, other);
});

test('requests of other clients do not change the faults of a client', () => {
  const alone = draws(new RandomMix(1, MIX, {}), RENEWAL, 20);
  const mix = new RandomMix(1, MIX, {});
  const among = alone.map(() => {
    mix.draw({ ...RENEWAL, client: 'web-1' });
    mix.draw({ ...RENEWAL, verb: 'get' });
    return mix.draw(RENEWAL);
  });
  assert.deepEqual(among, alone);
});

test('a changed probability of one fault does not change the other faults', () => {
  const delays = (mix: RandomFaults): boolean[] =>
    draws(new RandomMix(1, mix, {}), RENEWAL, 50).map((effects) => effects?.names.includes('delay') === true);
  assert.deepEqual(delays(MIX), delays({ ...MIX, refuse: 0.9, silenceWatches: 0 }));
});

test('each fault occurs about as often as its probability, and within its limits', () => {
  const all = draws(new RandomMix(7, MIX, { maxDelayMs: 10, statuses: [429] }), RENEWAL, 4000);
  const share = (fits: (effects: FaultEffects) => boolean): number =>
    all.filter((effects) => effects !== undefined && fits(effects)).length / all.length;
  const near = (actual: number, expected: number): void => assert.ok(Math.abs(actual - expected) < 0.03, `${actual}`);
  near(
    share(({ delayMs }) => delayMs > 0),
    0.3,
  );
  near(
    share(({ outcome }) => outcome?.type === 'refuse'),
    0.1,
  );
  near(
    share(({ outcome }) => outcome?.type === 'answer' && outcome.status === 429),
    0.9 * 0.1,
  );
  near(
    share(({ outcome }) => outcome?.type === 'dropAnswer'),
    0.9 * 0.9 * 0.2,
  );
  near(
    share(({ cutsWatches }) => cutsWatches),
    0.1,
  );
  near(
    share(({ silenceMs }) => silenceMs > 0),
    0.1,
  );
  assert.ok(all.every((effects) => (effects?.delayMs ?? 0) < 10 && (effects?.silenceMs ?? 0) < 10));
});

test('random faults do not drop the answers of reads', () => {
  const mix = new RandomMix(1, { dropAnswer: 1 }, {});
  assert.equal(mix.draw({ ...RENEWAL, verb: 'get' }), undefined);
  assert.deepEqual(mix.draw(RENEWAL)?.names, ['dropAnswer']);
});

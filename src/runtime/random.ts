/**
 * The only source of random numbers, so that a simulation can be repeated from its seed.
 */

/** A source of random numbers. */
export interface Random {
  /** A number from 0 (inclusive) to 1 (exclusive). */
  next(): number;
}

/** Random numbers that differ in every process. They are made to spread load, and are not suitable for secrets. */
export const systemRandom: Random = { next: () => Math.random() };

/**
 * Random numbers that are the same for the same seed (mulberry32: 32 bits of state). They are suitable to spread load
 * and to draw faults, but not for secrets.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
  };
}

/** A version 4 UUID drawn from `random`, as Kubernetes gives to every object. */
export function randomUuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random.next() * 16));
  hex[12] = 4;
  hex[16] = 8 + ((hex[16] ?? 0) & 3);
  const digits = hex.map((digit) => digit.toString(16)).join('');
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

/**
 * Reads `seeds.txt`: the seeds that once found a defect, each with its finding.
 */

/** A seed has 32 bits. A larger number would repeat another seed. */
export const MAX_SEED: number = 2 ** 32 - 1;

/** A seed that once found a defect. The full run of the simulation tests repeats it. */
export interface RegressionSeed {
  readonly seed: number;
  readonly found: string;
}

/** @throws {Error} for a line that is not `seed  # what it found`, a comment or empty, and for a repeated seed */
export function parseSeeds(text: string): readonly RegressionSeed[] {
  const regressionSeeds = new Map<number, RegressionSeed>();
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const where = `seeds.txt:${index + 1}: ${JSON.stringify(line)}`;
    const [, digits, found] = /^(\d+)\s+#\s*(\S.*)$/.exec(line) ?? [];
    if (digits === undefined || found === undefined) throw new Error(`${where} is not \`seed  # what it found\``);
    const seed = Number(digits);
    if (seed > MAX_SEED) throw new Error(`${where}: a seed is at most ${MAX_SEED}`);
    if (regressionSeeds.has(seed)) throw new Error(`${where}: the seed ${seed} is already in a line above`);
    regressionSeeds.set(seed, { seed, found });
  }
  return [...regressionSeeds.values()];
}

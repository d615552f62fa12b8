/**
 * Reads `seeds.txt`: the seeds that found something once, each with what it found.
 */

/** Seeds are 32 bits: a larger one would repeat another. */
export const MAX_SEED: number = 2 ** 32 - 1;

/** A seed that is run ever since it found something. */
export interface RememberedSeed {
  readonly seed: number;
  readonly found: string;
}

/** Throws for a line that is neither `seed  # what it found`, nor a comment, nor empty; and for a seed that stands twice. */
export function parseSeeds(text: string): readonly RememberedSeed[] {
  const remembered = new Map<number, RememberedSeed>();
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const where = `seeds.txt:${index + 1}: ${JSON.stringify(line)}`;
    const [, digits, found] = /^(\d+)\s+#\s*(\S.*)$/.exec(line) ?? [];
    if (digits === undefined || found === undefined) throw new Error(`${where} is not \`seed  # what it found\``);
    const seed = Number(digits);
    if (seed > MAX_SEED) throw new Error(`${where}: a seed is at most ${MAX_SEED}`);
    if (remembered.has(seed)) throw new Error(`${where}: the seed ${seed} stands above already`);
    remembered.set(seed, { seed, found });
  }
  return [...remembered.values()];
}

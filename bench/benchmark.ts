/**
 * The parameters and the result of a benchmark. Each benchmark is a file of its own.
 */

/** The extent of the measurements, from the command line. */
export interface BenchOptions {
  /** After how many seconds the memory of a process is read. */
  readonly seconds: number;
  /** How often the memory is measured. */
  readonly memoryRuns: number;
  /** Pairs of starts. */
  readonly startUpRuns: number;
  /** Leaders that are deleted. */
  readonly failoverRounds: number;
  /** For people, while it runs. */
  readonly progress: (message: string) => void;
}

/** One line of a table; every line of one table has the same columns. */
export type Row = Readonly<Record<string, string | number>>;

/** A limit that the library must meet. */
export interface Aim {
  readonly what: string;
  readonly limit: number;
  readonly measured: number;
}

/** The result of a benchmark. */
export interface BenchmarkResult {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Notes that a reader of the figures needs. */
  readonly notes: readonly string[];
  readonly aims: readonly Aim[];
  /** Every measurement, for a comparison of two runs. */
  readonly raw: unknown;
}

/** A benchmark measures one thing. */
export type Benchmark = (options: BenchOptions) => Promise<BenchmarkResult>;

/** A figure as it is printed. */
export function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/**
 * The parameters and the result of a benchmark. Each benchmark is a file of its own.
 */

/** The extent of the measurements, from the command line. */
export interface BenchOptions {
  /** The seconds after which the memory of a process is read. */
  readonly seconds: number;
  /** How often the memory is measured. */
  readonly memoryRuns: number;
  /** Pairs of starts. */
  readonly startUpRuns: number;
  /** Leaders that are deleted, of each kind and in each situation. */
  readonly failoverRounds: number;
  /** The numbers of candidates on one Lease. */
  readonly crowds: readonly number[];
  /** Leaders that are deleted among a crowd. */
  readonly crowdRounds: number;
  /** Simulated rolling updates. */
  readonly rollOuts: number;
  /** The file that names another cluster than the embedded API server. */
  readonly kubeconfig: string | undefined;
  /** Receives a line for people while the benchmark runs. */
  readonly progress: (message: string) => void;
}

/** One line of a table; every line of one table has the same columns. */
export type Row = Readonly<Record<string, string | number>>;

/** A limit that the library must meet. */
export interface Aim {
  readonly what: string;
  readonly limit: number;
  readonly measured: number;
  /** The measured cause of the time, the memory or the requests. It is printed when the aim is missed. */
  readonly cause: string;
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
  /** The load of the machine when it ended. */
  readonly load?: number;
}

/** The results of one run, as the file of `--json` has them. */
export interface Measurements {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly cluster: string;
  /** The load of the machine at the beginning. */
  readonly load: number;
  readonly results: Readonly<Record<string, BenchmarkResult>>;
}

/** A benchmark measures one thing. */
export type Benchmark = (options: BenchOptions) => Promise<BenchmarkResult>;

/** A figure as it is printed. */
export function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

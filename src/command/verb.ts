/**
 * What a verb of the executable `lease-elector` is, and what it gets of its process.
 */

/** What a verb uses of its process. */
export interface CommandProcess {
  /** Writes text to the standard output. */
  readonly write: (text: string) => void;
  /** Writes text to the standard error. */
  readonly complain: (text: string) => void;
  /** Aborts when the process is to end: Ctrl-C, or SIGTERM. */
  readonly interrupted: AbortSignal;
}

/** Exit codes of the executable. */
export const EXIT = {
  success: 0,
  /** The verb could not do its work. */
  failure: 1,
  /** The command line cannot be understood. */
  usage: 2,
} as const;

/** One verb: `lease-elector VERB`. */
export interface Verb {
  /** What `--help` prints. */
  readonly usage: string;
  /**
   * Does the work, and returns the exit code.
   *
   * @throws UsageError when its arguments cannot be understood; any other error is a failure
   */
  run(args: readonly string[], process: CommandProcess): Promise<number>;
}

/** The arguments of a verb cannot be understood. */
export class UsageError extends Error {}

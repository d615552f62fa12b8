/**
 * The types of a verb of the executable `lease-elector`, and of the process that runs it.
 */

/** The parts of its process that a verb uses. */
export interface CommandProcess {
  /** Writes text to the standard output. */
  readonly write: (text: string) => void;
  /** Writes text to the standard error. */
  readonly complain: (text: string) => void;
  /** Aborts on Ctrl-C and on SIGTERM. */
  readonly interrupted: AbortSignal;
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /**
   * The size of the terminal; left out when the standard output is not a terminal. It is read for each frame, because
   * it can change.
   */
  readonly terminalSize?: () => { readonly columns: number; readonly rows: number };
}

/** Exit codes of the executable. */
export const EXIT = {
  success: 0,
  /** The verb failed. */
  failure: 1,
  /** The command line cannot be understood. */
  usage: 2,
} as const;

/** Exit codes of the verbs that report whether there is a leader. */
export const ANSWER = {
  leader: 0,
  none: 1,
  /** The command line, a permission or the API server prevents an answer. */
  unknown: 2,
} as const;

/** One verb: `lease-elector VERB`. */
export interface Verb {
  /** The text of `--help`. */
  readonly usage: string;
  /**
   * Runs the verb, and returns the exit code.
   *
   * @throws UsageError when its arguments cannot be understood; any other error is a failure
   */
  run(args: readonly string[], process: CommandProcess): Promise<number>;
}

/** The arguments of a verb cannot be understood. */
export class UsageError extends Error {}

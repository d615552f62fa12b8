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
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The size of the terminal that the standard output is; left out where the output is no terminal. Read for each frame, since it changes. */
  readonly terminalSize?: () => { readonly columns: number; readonly rows: number };
}

/** Exit codes of the executable. */
export const EXIT = {
  success: 0,
  /** The verb could not do its work. */
  failure: 1,
  /** The command line cannot be understood. */
  usage: 2,
} as const;

/** Exit codes of the verbs that say whether somebody leads. */
export const ANSWER = {
  leader: 0,
  none: 1,
  /** The command line, a permission or the API server stands in the way. */
  unknown: 2,
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

/**
 * The arguments of the demo.
 */

import { parseArgs } from 'node:util';

/** The text of `--help`. */
export const USAGE = `Shows the life of a leader with three candidates, each a process that stands for a Pod:
an election, a crash, a hang, a deleted Lease, a deleted Pod, a graceful hand-over.

Usage: npm run demo [-- options]

  --plain           print lines, also on a terminal
  --timeline FILE   write the timeline of the run to FILE, a page for a browser
  --record FILE     write the events of the timeline to FILE, as JSON
  --help            print this text

Exit code: 0 when all went as it must; 1 when two processes led at once, leadership moved where it must not,
or a step did not happen; 2 for a wrong argument; 130 when interrupted.
`;

/** The options of a run. */
export interface DemoOptions {
  readonly plain: boolean;
  readonly help: boolean;
  /** The file for the page with the timeline. */
  readonly timeline?: string;
  /** The file for the events of the timeline. */
  readonly record?: string;
}

/** Reads the arguments after the name of the program. Returns the options, or a text that names the error. */
export function readCommandLine(args: readonly string[]): string | DemoOptions {
  const flag = { type: 'boolean', default: false } as const;
  const file = { type: 'string' } as const;
  const options = { plain: flag, help: flag, timeline: file, record: file };
  try {
    const { values } = parseArgs({ args: [...args], options });
    for (const name of ['timeline', 'record'] as const) {
      if (values[name] === '') return `--${name} needs the name of a file.`;
    }
    return { ...values };
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The arguments of the demo.
 */

import { parseArgs } from 'node:util';

/** The text of `--help`. */
export const USAGE = `Shows the life of a leader with three candidates, each a process that stands for a Pod:
an election, a crash, a hang, a deleted Lease, a deleted Pod, a graceful hand-over.

Usage: npm run demo [-- options]

  --plain   print lines, also on a terminal
  --help    print this text

Exit code: 0 when all went as it must; 1 when two processes led at once, leadership moved where it must not,
or a step did not happen; 2 for a wrong argument; 130 when interrupted.
`;

/** What the arguments after the name of the program ask for; a text says what is wrong with them. */
export function readCommandLine(args: readonly string[]): string | { readonly plain: boolean; readonly help: boolean } {
  const flag = { type: 'boolean', default: false } as const;
  try {
    return { ...parseArgs({ args: [...args], options: { plain: flag, help: flag } }).values };
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * The demo's arguments and its usage. What is done with them is in demo.ts.
 */

import { parseArgs } from 'node:util';

/** What `--help` prints. */
export const USAGE = `Plays the life of a leader with three candidates, each a process that stands for a Pod:
an election, a crash, a hang, a deleted Lease, a deleted Pod, a graceful hand-over.

Usage: npm run demo [-- options]

  --kubeconfig FILE  play on the cluster of its current context instead of the embedded API server: in a
                     namespace of its own that is removed afterwards, with Pods that no scheduler binds
  --plain            print lines even on a terminal
  --help             print this

Exit code: 0 when all went as it must; 1 when two ever led at once, leadership moved where it must not, or a step
did not happen; 2 for wrong arguments or a cluster that cannot be played on; 130 when interrupted.
`;

/** What was asked for. */
export type CommandLine =
  | { readonly ask: 'play'; readonly kubeconfig: string | null; readonly plain: boolean }
  | { readonly ask: 'help' }
  | { readonly ask: 'nonsense'; readonly message: string };

/** Reads the arguments after the program's name. */
export function readCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kubeconfig: { type: 'string' },
        plain: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
      strict: true,
      allowPositionals: false,
    });
    if (values.help) return { ask: 'help' };
    if (values.kubeconfig === '') return { ask: 'nonsense', message: '--kubeconfig needs a file' };
    return { ask: 'play', kubeconfig: values.kubeconfig ?? null, plain: values.plain };
  } catch (error) {
    return { ask: 'nonsense', message: error instanceof Error ? error.message : String(error) };
  }
}

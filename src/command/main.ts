#!/usr/bin/env node
/**
 * The executable `lease-elector`: what its command line gets of this process.
 */

import { runCommandLine } from './command-line.ts';

const interruption = new AbortController();
// Once: a second Ctrl-C ends a process that hangs.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());

// A reader that has enough closes the pipe (`| head`, `| grep -q`): then this process ends, and its exit code stays an answer.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    interruption.abort();
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  write: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
  interrupted: interruption.signal,
  ...(process.stdout.isTTY
    ? { terminalSize: () => ({ columns: process.stdout.columns, rows: process.stdout.rows }) }
    : {}),
});

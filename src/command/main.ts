#!/usr/bin/env node
/**
 * The executable `lease-elector`: connects the command line with this process.
 */

import { runCommandLine } from './command-line.ts';

const interruption = new AbortController();
// Each listener is called only once, so that a second Ctrl-C ends a process that hangs.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());

// A reader can close the pipe early (`| head`, `| grep -q`). This process then ends, and its exit code is still the
// answer.
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

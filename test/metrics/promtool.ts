/**
 * Debian's `promtool` (package `prometheus`). Without it, a test is skipped with that reason.
 */

import { spawnSync } from 'node:child_process';

/** The reason to skip a test, or `false` when promtool is installed. */
export const PROMTOOL_MISSING: string | false =
  spawnSync('promtool', ['--version']).status === 0
    ? false
    : 'promtool is missing: apt-get install --no-install-recommends prometheus';

/** Runs promtool. Resolves with its exit status and everything that it printed. */
export function promtool(
  args: readonly string[],
  input = '',
): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

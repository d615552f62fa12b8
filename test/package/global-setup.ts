/**
 * Before and after all package tests of a run: the package is installed once, and a table of what ran is printed.
 */

import { install } from './installed-package.ts';
import { collectRuns, printRuns } from './run-table.ts';

let remove: (() => void) | null = null;

export async function globalSetup(): Promise<void> {
  ({ remove } = await install());
  collectRuns();
}

export async function globalTeardown(): Promise<void> {
  printRuns();
  remove?.();
}

/**
 * Installs the package once before all package tests of a run, and prints the table of their runs at the end.
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

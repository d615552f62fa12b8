/**
 * The output of `DEBUG` in this process. A module reads `$DEBUG` when it is loaded, so a test loads the module again.
 */

import type { TestContext } from 'node:test';
import createDebug from 'debug';

/**
 * Enables the debug output of a namespace during a test. Returns the lines that the process
 * writes to stderr, without what stands before the namespace.
 */
export function debugOutput(t: TestContext, namespace: string): string[] {
  const before = process.env['DEBUG'] ?? '';
  createDebug.enable(namespace);
  t.after(() => createDebug.enable(before));
  const lines: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) =>
    lines.push(text.slice(Math.max(0, text.indexOf('lease-elector'))).trim()),
  );
  return lines;
}

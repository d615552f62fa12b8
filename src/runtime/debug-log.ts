/**
 * What the elector tells a person who sets `DEBUG=lease-elector*`.
 */

import type createDebug from 'debug';

/** Writes a line when its namespace is asked for; look at `enabled` before preparing a costly one. */
export interface DebugLog {
  (format: string, ...values: unknown[]): void;
  readonly enabled: boolean;
}

const SILENT: DebugLog = Object.assign(() => {}, { enabled: false });

/**
 * The log of one namespace.
 *
 * `debug` is loaded only where `$DEBUG` is set when the process starts: with what it pulls in it is a twentieth
 * of the time from the start of a process to its election.
 */
export function debugLog(namespace: string): DebugLog {
  if (process.env['DEBUG'] === undefined) return SILENT;
  const { createRequire } = process.getBuiltinModule('node:module');
  const create: typeof createDebug = createRequire(import.meta.url)('debug');
  return create(namespace);
}

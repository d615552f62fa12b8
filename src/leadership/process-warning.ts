/** Converts `error` and `warning` events without a listener into warnings of the process, which Node.js prints. */

import { debugLog } from '../runtime/debug-log.ts';
import { inspected } from '../runtime/quotation.ts';

const log = debugLog('lease-elector');

/** A cause is cut to this many characters. */
const DETAIL_LIMIT = 2_000;

/** An event without a listener. */
export interface UnhandledEvent {
  readonly event: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly cause?: unknown;
}

/**
 * The `name` of the process warning. An option such as `--disable-warning=LeaseElectorWarning` accepts it, or the code.
 */
const TYPES = { error: 'LeaseElectorError', warning: 'LeaseElectorWarning' } as const;

/** Emits a process warning. Never throws. */
export function warnProcess({ event, code, message, cause }: UnhandledEvent): void {
  emit(event, code, message, () => {
    const hint = `The event '${event}' of this LeaseElector has no listener, so each code is printed once.`;
    return cause === undefined ? hint : `${inspected(cause).slice(0, DETAIL_LIMIT)}\n${hint}`;
  });
}

/**
 * Warns of a job of `leaderOnly` that was skipped, because its elector was never started.
 * @param words the message of `explain()`
 */
export function warnNotStarted(words: string): void {
  const detail = () =>
    'A job of leaderOnly() was skipped for that reason. This warning is printed once for each elector.';
  emit('warning', 'not-started', words, detail);
}

function emit(event: UnhandledEvent['event'], code: string, message: string, detail: () => string): void {
  try {
    process.emitWarning(message, { type: TYPES[event], code, detail: detail() });
  } catch (error) {
    // Both `process.emitWarning` and the inspection of a cause run code of the application.
    log('a process warning failed: %s: %s: %o', code, message, error);
  }
}

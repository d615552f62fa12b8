import assert from 'node:assert/strict';
import { systemClock } from '../../src/runtime/clock.ts';

/** The longest time for any condition before the test fails, in milliseconds. */
const PATIENCE_MS = 15_000;

/** Waits in real time for a condition, for example of a socket. Fails with its description after `PATIENCE_MS`. */
export async function until(what: string, isSo: () => boolean): Promise<void>;
export async function until(isSo: () => boolean): Promise<void>;
export async function until(what: string | (() => boolean), condition?: () => boolean): Promise<void> {
  const isSo = typeof what === 'string' ? (condition as () => boolean) : what;
  const endMs = systemClock.nowMs() + PATIENCE_MS;
  while (!isSo()) {
    assert.ok(systemClock.nowMs() < endMs, `not within ${PATIENCE_MS / 1000} s: ${what}`);
    await new Promise<void>((resolve) => systemClock.setTimer(2, resolve));
  }
}

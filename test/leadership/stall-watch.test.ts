/**
 * Checks that a suspension of the process is detected by a late pulse or by a read before the pulse.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STALL_MS, StallWatch } from '../../src/leadership/stall-watch.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** A machine whose process can be stopped, and that can be suspended. */
class Machine extends ManualClock {
  #stoppedMs = 0;
  #asleepMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.#stoppedMs;
  }

  override wallMs(): number {
    return super.wallMs() + this.#stoppedMs + this.#asleepMs;
  }

  /** Stops the process. Timers that became due have not fired yet. */
  stopProcess(durationMs: number): void {
    this.#stoppedMs += durationMs;
  }

  /** Suspends the machine. Linux stops the monotonic clock during that time. */
  suspend(durationMs: number): void {
    this.#asleepMs += durationMs;
  }

  /** Fires every timer in time. */
  run(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) this.advance(1_000);
  }
}

function watched(): { machine: Machine; watch: StallWatch } {
  const machine = new Machine();
  const watch = new StallWatch(machine);
  watch.start();
  return { machine, watch };
}

describe('a stall', () => {
  test('is not reported when every pulse is on time', () => {
    const { machine, watch } = watched();
    machine.run(3_600);
    assert.equal(watch.stalledAtMs, null);
  });

  for (const [what, stall] of [
    ['the process was stopped', (machine: Machine) => machine.stopProcess(STALL_MS)],
    ['the machine was suspended', (machine: Machine) => machine.suspend(STALL_MS)],
    ['the event loop was blocked and its timers are late', (machine: Machine) => machine.stall(STALL_MS)],
  ] as const) {
    for (const [when, wait] of [
      ['read before the pulse', () => undefined],
      ['read after the pulse', (machine: Machine) => machine.run(1)],
      ['read much later', (machine: Machine) => machine.run(600)],
    ] as const) {
      test(`is detected when ${what} (${when})`, () => {
        const { machine, watch } = watched();
        machine.run(10);
        stall(machine);
        wait(machine);
        assert.notEqual(watch.stalledAtMs, null);
      });
    }
  }

  test('of the stated length is detected at any moment between two pulses', () => {
    for (const sinceThePulseMs of [0, 1, 500, 999]) {
      const { machine, watch } = watched();
      machine.run(3);
      machine.advance(sinceThePulseMs);
      machine.stopProcess(STALL_MS);
      assert.notEqual(watch.stalledAtMs, null, `${sinceThePulseMs} ms after it`);
    }
  });

  test('is not reported when it is shorter, and several short stalls do not add up', () => {
    const { machine, watch } = watched();
    for (let count = 0; count < 10; count += 1) {
      machine.stopProcess(STALL_MS - 1_001);
      assert.equal(watch.stalledAtMs, null);
      machine.run(1);
      assert.equal(watch.stalledAtMs, null);
    }
  });

  test('is forgiven by a request that was sent after it, but not by an earlier one', () => {
    const { machine, watch } = watched();
    const beforeMs = machine.nowMs();
    machine.stopProcess(60_000);
    const atMs = watch.stalledAtMs ?? 0;
    assert.equal(atMs, machine.nowMs());
    watch.forgive(beforeMs);
    assert.equal(watch.stalledAtMs, atMs);
    machine.run(1);
    watch.forgive(machine.nowMs());
    assert.equal(watch.stalledAtMs, null);
  });

  test('is not forgiven when it lies between the request and its answer', () => {
    const { machine, watch } = watched();
    machine.stopProcess(60_000);
    assert.notEqual(watch.stalledAtMs, null);
    const waitAtMs = machine.nowMs();
    machine.stopProcess(60_000);
    watch.forgive(waitAtMs);
    assert.equal(watch.stalledAtMs, machine.nowMs());
  });
});

test('a stopped watch detects nothing and has no timer', () => {
  const { machine, watch } = watched();
  watch.start();
  assert.equal(machine.timers.size, 1, 'a second start has no effect');
  machine.run(2);
  watch.stop();
  assert.equal(machine.timers.size, 0);
  machine.stopProcess(60_000);
  assert.equal(watch.stalledAtMs, null);
});

test('a watch detects nothing when it was never started', () => {
  const machine = new Machine();
  const watch = new StallWatch(machine);
  machine.stopProcess(60_000);
  assert.equal(watch.stalledAtMs, null);
  watch.stop();
});

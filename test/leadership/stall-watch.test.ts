/**
 * A process that was suspended is detected: by a late pulse, or by a read before the pulse.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { STALL_MS, StallWatch } from '../../src/leadership/stall-watch.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

/** A machine that can be stopped and be suspended. */
class Machine extends ManualClock {
  #stoppedMs = 0;
  #asleepMs = 0;

  override nowMs(): number {
    return super.nowMs() + this.#stoppedMs;
  }

  override wallMs(): number {
    return super.wallMs() + this.#stoppedMs + this.#asleepMs;
  }

  /** The process gets no time; what was due in the meantime has not run yet. */
  stopProcess(durationMs: number): void {
    this.#stoppedMs += durationMs;
  }

  /** Linux stops the monotonic clock in the meantime. */
  suspend(durationMs: number): void {
    this.#asleepMs += durationMs;
  }

  /** Everything runs in its time. */
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
  test('is not reported while every pulse is on time', () => {
    const { machine, watch } = watched();
    machine.run(3_600);
    assert.equal(watch.stalledAtMs, null);
  });

  for (const [what, stall] of [
    ['the process was stopped', (machine: Machine) => machine.stopProcess(STALL_MS)],
    ['the machine was suspended', (machine: Machine) => machine.suspend(STALL_MS)],
    ['the event loop was blocked, and its timers come late', (machine: Machine) => machine.stall(STALL_MS)],
  ] as const) {
    for (const [when, asked] of [
      ['asked before the pulse', () => undefined],
      ['asked after the pulse', (machine: Machine) => machine.run(1)],
      ['asked much later', (machine: Machine) => machine.run(600)],
    ] as const) {
      test(`${what}: noticed, ${when}`, () => {
        const { machine, watch } = watched();
        machine.run(10);
        stall(machine);
        asked(machine);
        assert.notEqual(watch.stalledAtMs, null);
      });
    }
  }

  test('of the stated length is noticed wherever it falls between two pulses', () => {
    for (const sinceThePulseMs of [0, 1, 500, 999]) {
      const { machine, watch } = watched();
      machine.run(3);
      machine.advance(sinceThePulseMs);
      machine.stopProcess(STALL_MS);
      assert.notEqual(watch.stalledAtMs, null, `${sinceThePulseMs} ms after it`);
    }
  });

  test('that is shorter is not reported, and several short ones do not add up', () => {
    const { machine, watch } = watched();
    for (let count = 0; count < 10; count += 1) {
      machine.stopProcess(STALL_MS - 1_001);
      assert.equal(watch.stalledAtMs, null);
      machine.run(1);
      assert.equal(watch.stalledAtMs, null);
    }
  });

  test('is forgiven by what was asked after it, and by nothing before', () => {
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

  test('that falls between the question and its answer is not forgiven', () => {
    const { machine, watch } = watched();
    machine.stopProcess(60_000);
    assert.notEqual(watch.stalledAtMs, null);
    const askedAtMs = machine.nowMs();
    machine.stopProcess(60_000);
    watch.forgive(askedAtMs);
    assert.equal(watch.stalledAtMs, machine.nowMs());
  });
});

test('one that was stopped looks no more, and leaves no timer', () => {
  const { machine, watch } = watched();
  watch.start();
  assert.equal(machine.timers.size, 1, 'starting twice is starting once');
  machine.run(2);
  watch.stop();
  assert.equal(machine.timers.size, 0);
  machine.stopProcess(60_000);
  assert.equal(watch.stalledAtMs, null);
});

test('one that was never started looks at nothing', () => {
  const machine = new Machine();
  const watch = new StallWatch(machine);
  machine.stopProcess(60_000);
  assert.equal(watch.stalledAtMs, null);
  watch.stop();
});

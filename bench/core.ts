/**
 * How many facts the pure election processes in a second: `step` of a leader that renews and of a candidate that
 * follows. It shows whether a change made the rules slow. An elector receives less than one fact in a second.
 */

import { Bench } from 'tinybench';
import { step } from '../src/core/election.ts';
import type { Fact } from '../src/core/input.ts';
import type { LeaseRecord } from '../src/core/lease-record.ts';
import { type ElectionState, initialElectionState } from '../src/core/state.ts';
import type { BenchmarkResult } from './benchmark.ts';
import { rounded } from './benchmark.ts';

const SELF = { name: 'bench-0', uid: 'uid-0' };
const OTHER = { name: 'bench-1', uid: 'uid-1' };

/** An election with a clock that each fact moves by a second. */
class Election {
  state: ElectionState = initialElectionState({
    self: SELF,
    namespace: 'bench',
    leaseName: 'bench',
    renewIntervalMs: 10_000,
    leaseDurationSeconds: 30,
    succession: 'pod-deleted',
    startGraceMs: 30_000,
  });
  #nowMs = 0;
  #version = 100;

  take(fact: Fact): void {
    this.#nowMs += 1000;
    this.state = step(this.state, { ...fact, nowMs: this.#nowMs, wallMs: this.#nowMs, random: 0.5 }).state;
  }

  /** A Lease whose resourceVersion grows with each call. */
  lease(owner: typeof SELF): LeaseRecord {
    this.#version += 1;
    return {
      uid: 'lease-uid',
      resourceVersion: String(this.#version),
      holderIdentity: owner.name,
      owner,
      acquireTimeMs: 0,
      renewTimeMs: this.#nowMs,
      leaseDurationSeconds: 30,
      leaseTransitions: 0,
      releasedBy: null,
      terminating: false,
      finalizers: [],
      source: null,
    };
  }

  /** The number of the request that was sent last. */
  get request(): number {
    return this.state.lastRequest;
  }
}

function leader(): Election {
  const election = new Election();
  election.take({ type: 'started' });
  election.take({ type: 'siblingLockAnswered', outcome: 'held' });
  election.take({ type: 'leaseAbsent', resourceVersion: '100' });
  const pod = { ...SELF, resourceVersion: '50', terminating: false };
  election.take({ type: 'podRead', request: election.request, name: SELF.name, pod });
  election.take({ type: 'leaseWritten', request: election.request, lease: election.lease(SELF) });
  if (election.state.role.name !== 'leader') throw new Error(`it is a ${election.state.role.name}, not the leader`);
  return election;
}

function candidate(): Election {
  const election = new Election();
  election.take({ type: 'started' });
  election.take({ type: 'siblingLockAnswered', outcome: 'held' });
  election.take({ type: 'leaseObserved', lease: election.lease(OTHER), by: 'list' });
  if (election.state.role.name !== 'candidate') throw new Error(`it is a ${election.state.role.name}, no candidate`);
  return election;
}

/** Measures the steps in a second, in this process. */
export async function measureCore(): Promise<BenchmarkResult> {
  const renewing = leader();
  const following = candidate();
  const bench = new Bench({ time: 1000 })
    .add('leader renews: timer, answer, watch event (3 steps)', () => {
      renewing.take({ type: 'timerFired', timer: 'renew' });
      const lease = renewing.lease(SELF);
      renewing.take({ type: 'leaseWritten', request: renewing.request, lease });
      renewing.take({ type: 'leaseObserved', lease, by: 'watch' });
    })
    .add('candidate follows: watch event (1 step)', () => {
      following.take({ type: 'leaseObserved', lease: following.lease(OTHER), by: 'watch' });
    });
  await bench.run();
  const stepsOf = [3, 1];
  const rows = bench.tasks.map(({ name, result }, index) => {
    if (!('throughput' in result)) throw new Error(`"${name}" failed`);
    const roundsPerSecond = 1000 / result.latency.p50;
    return { what: name, 'steps/s': Math.round(roundsPerSecond * (stepsOf[index] ?? 1)) };
  });
  return {
    title: 'The pure election',
    rows: rows.map((row) => ({ ...row, 'µs a step': rounded(1e6 / row['steps/s'], 2) })),
    notes: ['Of the median round.'],
    aims: [],
    raw: rows,
  };
}

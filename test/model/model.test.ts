// Checks several electors in a model of the cluster. fast-check chooses the order of the actions. Two processes whose
// Pods exist never work at the same time, fencing tokens grow, and a process leads after the faults.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Succession } from '../../src/core/holder.ts';
import { ModelWorld, type Permissions, type Process } from './model-world.ts';

/** The longest time without a leader after the end of all faults, in milliseconds of the model. */
const BOUND_MS = 90_000;

/** The most rounds until nothing is in flight. A failure that lasts leads to a back-off, so the rounds end. */
const MOST_ROUNDS = 200;

/** The possible actions, with their frequencies. */
const ACTIONS = {
  /** A request is executed and answered at once. */
  proceed: 40,
  arrive: 15,
  answer: 15,
  deliverLease: 30,
  deliverPod: 25,
  fire: 25,
  lose: 6,
  arriveOrphanedRequest: 4,
  collectGarbage: 10,
  settle: 8,
  relist: 2,
  deletePod: 3,
  recreatePod: 2,
  terminatePod: 2,
  stopPod: 4,
  addPod: 3,
  restart: 2,
  stepDown: 3,
  stop: 2,
  /** Only in the second property. */
  deleteLeaseByHand: 2,
} as const;

type ActionName = keyof typeof ACTIONS;

interface Action {
  readonly name: ActionName;
  readonly who: number;
  readonly which: number;
  readonly flag: boolean;
  readonly random: number;
}

const anyAction: fc.Arbitrary<Action> = fc.record({
  name: fc.oneof(
    ...Object.entries(ACTIONS).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name as ActionName) })),
  ),
  who: fc.nat(7),
  which: fc.nat(7),
  flag: fc.boolean(),
  random: fc.constantFrom(0, 0.25, 0.5, 0.75),
});

const anyPermissions: fc.Arbitrary<Permissions> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ update: true, delete: true, readPods: true }) },
  { weight: 1, arbitrary: fc.record({ update: fc.boolean(), delete: fc.boolean(), readPods: fc.boolean() }) },
);

const anySuccessions: fc.Arbitrary<readonly Succession[]> = fc.constantFrom(
  ['pod-deleted'],
  ['pod-stopped'],
  ['pod-deleted', 'pod-stopped'],
);

const anyActions: fc.Arbitrary<readonly Action[]> = fc.array(anyAction, { maxLength: 250, size: 'max' });

function act(world: ModelWorld, action: Action): void {
  world.random = action.random;
  const alive = world.processes.filter((process) => process.alive);
  if (alive.length < 2 || (action.name === 'addPod' && alive.length < 4)) addPod(world, action);
  const process = alive[action.who % alive.length];
  if (process === undefined) return;
  const pending = process.pending[action.which % process.pending.length];
  switch (action.name) {
    case 'proceed':
      if (pending === undefined) break;
      world.arrive(process, pending, action.flag);
      world.answer(process, pending);
      break;
    case 'arrive':
      if (pending !== undefined) world.arrive(process, pending, action.flag);
      break;
    case 'answer': {
      const answered = process.pending.filter(({ answer }) => answer !== null);
      const settled = answered[action.which % answered.length];
      if (settled !== undefined) world.answer(process, settled);
      break;
    }
    case 'lose':
      if (pending !== undefined) world.lose(process, pending, action.flag ? 'unavailable' : 'malformed');
      break;
    case 'arriveOrphanedRequest':
      world.arriveOrphanedRequest(action.which % Math.max(1, world.orphanedRequests.length));
      break;
    case 'deliverLease':
      world.deliverLease(process);
      break;
    case 'deliverPod':
      world.deliverPod(process);
      break;
    case 'relist':
      if (action.flag) process.leaseWatch.position = null;
      else if (process.podWatch !== null) process.podWatch.position = null;
      break;
    case 'fire': {
      const timers = [...process.story.timers.keys()];
      const timer = timers[action.which % timers.length];
      if (timer !== undefined) world.fire(process, timer);
      break;
    }
    case 'settle':
      if (process.settling) world.take(process, { type: 'workSettled', drained: true });
      break;
    case 'collectGarbage':
      world.collectGarbage();
      break;
    case 'deletePod':
      world.deletePod(process.pod.uid);
      if (action.flag) world.kill(process);
      break;
    case 'recreatePod':
      // The name of a ghost may belong to another Pod now, and no two Pods have the same name.
      if (!world.pods.has(process.pod.uid)) break;
      world.deletePod(process.pod.uid);
      if (action.flag) world.kill(process);
      world.addPod(process.pod.name);
      break;
    case 'terminatePod':
      world.terminate(process.pod.uid);
      break;
    case 'stopPod':
      if (action.flag) world.stopPod(process.pod.uid);
      else world.markFailed(process.pod.uid);
      break;
    case 'addPod':
      break;
    case 'restart':
      if (!world.mayRun(process.pod.uid)) break;
      world.kill(process);
      world.startProcess(process.pod);
      break;
    case 'stepDown':
      world.take(process, { type: 'stepDownRequested' });
      break;
    case 'stop':
      world.take(process, { type: 'stopRequested', release: action.flag ? 'always' : 'ifTerminating' });
      break;
    case 'deleteLeaseByHand':
      world.deleteLease();
      break;
  }
}

function addPod(world: ModelWorld, { which, flag }: Action): void {
  const name = `app-${which}`;
  if (world.hasPodNamed(name)) return;
  const process = world.addPod(name);
  if (flag) world.deliverLease(process);
}

function assertSafe(world: ModelWorld): void {
  const workers = world.workers.map(({ pod }) => pod.uid);
  assert.ok(workers.length <= 1, `these work at the same time: ${workers}`);
}

function assertTokensGrow(world: ModelWorld, strictly: boolean): void {
  for (const [index, token] of world.tokens.entries()) {
    const before = index === 0 ? undefined : world.tokens[index - 1];
    if (before === undefined) continue;
    assert.ok(strictly ? token > before : token >= before, `fencing tokens do not grow: ${world.tokens}`);
  }
}

/** Completes all requests and events without a fault and without time. */
function complete(world: ModelWorld, check: (world: ModelWorld) => void): void {
  let rounds = 0;
  for (let busy = true; busy; ) {
    rounds += 1;
    assert.ok(rounds <= MOST_ROUNDS, 'requests follow each other without a pause');
    busy = false;
    world.collectGarbage();
    for (const process of world.processes) {
      busy = completeProcess(world, process) || busy;
      check(world);
    }
  }
}

function completeProcess(world: ModelWorld, process: Process): boolean {
  let busy = false;
  for (const pending of [...process.pending]) {
    world.arrive(process, pending, true);
    world.answer(process, pending);
    busy = true;
  }
  if (!process.alive) return busy;
  if (process.settling) {
    world.take(process, { type: 'workSettled', drained: true });
    busy = true;
  }
  while (process.alive && world.deliverLease(process)) busy = true;
  while (process.alive && world.deliverPod(process)) busy = true;
  return busy;
}

/** Ends the faults, removes Pods without a process, and makes sure that there is a candidate. */
function recover(world: ModelWorld, check: (world: ModelWorld) => void): void {
  world.addPod('app-last');
  for (const process of world.processes) {
    process.leaseWatch.position = null;
    if (process.podWatch !== null) process.podWatch.position = null;
  }
  const deadlineMs = world.nowMs + BOUND_MS;
  removeEmptyPods(world);
  complete(world, check);
  while (!isSettled(world)) {
    world.fireNext();
    removeEmptyPods(world);
    touchStuckLease(world);
    complete(world, check);
    assert.ok(world.nowMs <= deadlineMs, 'no process leads after the faults');
  }
}

/** Whether one process leads and its Pod holds the Lease. While the Lease is missing, another process may create it. */
function isSettled({ leaders, lease }: ModelWorld): boolean {
  return leaders.length === 1 && leaders[0]?.pod.uid === lease?.owner?.uid;
}

/**
 * Deletes terminating Pods, as the kubelet does, and Pods without a running container, as an administrator does. It
 * keeps stopped Pods that all electors consider gone.
 */
function removeEmptyPods(world: ModelWorld): void {
  const running = new Set(world.processes.filter(({ alive }) => alive).map(({ pod }) => pod.uid));
  for (const pod of [...world.pods.values()]) {
    const countsAsGone = world.takesOverStopped && !world.mayRun(pod.uid);
    if ((!running.has(pod.uid) && !countsAsGone) || pod.terminating) world.deletePod(pod.uid);
  }
}

/**
 * Writes the Lease for a process that is not permitted to renew and whose release may still arrive. Only another write
 * rules out the late release, so the process waits for one (`explain()` names the missing rule).
 */
function touchStuckLease(world: ModelWorld): void {
  const version = world.lease?.resourceVersion;
  const isStuck = ({ alive, story }: Process): boolean =>
    alive && story.state.knowledge.pendingReleaseVersion === version;
  if (!world.permissions.update && version !== undefined && world.processes.some(isStuck)) world.touchLease();
}

/** Checks that the state is stable. */
function assertStable(world: ModelWorld): void {
  const [leader] = world.leaders;
  const untilMs = world.nowMs + 120_000;
  while (world.nowMs < untilMs) {
    world.fireNext();
    complete(world, assertSafe);
    assert.deepEqual(world.leaders, [leader]);
  }
}

function play(world: ModelWorld, actions: readonly Action[], check: (world: ModelWorld) => void): ModelWorld {
  world.addPod('app-1');
  world.addPod('app-2');
  for (const action of actions) {
    act(world, action);
    check(world);
  }
  return world;
}

test('two processes with existing Pods never work at once, tokens grow, and a process leads when the faults end', () => {
  fc.assert(
    fc.property(anyPermissions, anySuccessions, anyActions, (permissions, successions, actions) => {
      const withoutManualDeletes = actions.filter(({ name }) => name !== 'deleteLeaseByHand');
      const world = play(new ModelWorld(permissions, successions), withoutManualDeletes, assertSafe);
      recover(world, assertSafe);
      assertStable(world);
      // A process that is not permitted to renew resumes a term with its old token.
      assertTokensGrow(world, permissions.update);
    }),
    { numRuns: 200 },
  );
});

test('one process leads in the end when the Lease is sometimes deleted by hand', () => {
  fc.assert(
    fc.property(anyPermissions, anySuccessions, anyActions, (permissions, successions, actions) => {
      // After a deletion by hand, two processes may lead until the events have arrived.
      const noCheck = (): void => undefined;
      const world = play(new ModelWorld(permissions, successions), actions, noCheck);
      recover(world, noCheck);
      assertStable(world);
    }),
    { numRuns: 120 },
  );
});

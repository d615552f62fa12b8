/**
 * Checks which requests have a connection, in which order, and what happens when no server answers.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionQueue, IDLE_PIECES, PATIENCE_MS, SLOW_PIECES } from '../../src/kube/connection-queue.ts';
import { heapBytes } from '../worlds/heap-bytes.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const LIMITS = { connections: 3, ofOneElector: 2 };

/** A queue with the sent requests in order: `a1` is the first request of the elector `a`. */
function startQueue(limits = LIMITS) {
  const clock = new ManualClock();
  const queue = new ConnectionQueue(limits, clock);
  const owners = new Map<string, object>();
  const sent: string[] = [];
  const over = new Set<string>();
  const leaves = new Map<string, () => void>();
  const enter = (...names: readonly string[]): void => {
    for (const name of names) {
      const elector = name.slice(0, 1);
      const owner = owners.get(elector) ?? {};
      owners.set(elector, owner);
      queue.enter({
        owner,
        isOver: () => over.has(name),
        go(leave) {
          sent.push(name);
          leaves.set(name, leave);
        },
      });
    }
  };
  const leave = (name: string): void => leaves.get(name)?.();
  const waitWithoutAnswer = (): void => {
    for (let piece = 0; piece < IDLE_PIECES; piece += 1) clock.advance(PATIENCE_MS);
  };
  return { clock, queue, sent, over, enter, leave, waitWithoutAnswer };
}

test('an elector has at most two requests in flight, and the others wait without a timer', () => {
  const { sent, enter, leave, clock } = startQueue();
  enter('a1', 'a2', 'a3', 'a4');
  assert.deepEqual(sent, ['a1', 'a2']);
  assert.equal(clock.timers.size, 0);
  leave('a2');
  assert.deepEqual(sent, ['a1', 'a2', 'a3']);
  // A second call for the same request frees no further connection.
  leave('a2');
  assert.deepEqual(sent, ['a1', 'a2', 'a3']);
});

test('an elector whose requests hang leaves a connection to the others for every request', () => {
  const { sent, enter, leave, clock } = startQueue();
  enter('a1', 'a2', 'a3');
  for (const request of ['b1', 'c1', 'b2', 'c2']) {
    enter(request);
    assert.equal(sent.at(-1), request);
    leave(request);
  }
  assert.equal(clock.timers.size, 0);
});

test('requests are sent in their order, except those of an elector with two in flight', () => {
  const { sent, enter, leave } = startQueue();
  enter('a1', 'a2', 'b1', 'a3', 'c1', 'b2');
  assert.deepEqual(sent, ['a1', 'a2', 'b1']);
  leave('b1');
  assert.deepEqual(sent.slice(3), ['c1']);
  leave('a1');
  assert.deepEqual(sent.slice(3), ['c1', 'a3']);
  leave('c1');
  assert.deepEqual(sent.slice(3), ['c1', 'a3', 'b2']);
});

test('the number of connections doubles when none answers, until no elector waits for another', () => {
  const electors = [...'abcdefghijklmnopqrst'];
  const { sent, enter, waitWithoutAnswer, clock } = startQueue();
  enter(...electors.flatMap((elector) => [`${elector}1`, `${elector}2`, `${elector}3`]));
  const counts = [sent.length];
  while (clock.timers.size > 0) {
    waitWithoutAnswer();
    counts.push(sent.length);
  }
  // The bound: two for each elector.
  assert.deepEqual(counts, [3, 6, 12, 24, 40]);
});

test('no connection is added while answers arrive, however slowly', () => {
  const { sent, enter, leave, clock } = startQueue();
  enter(...[...'abcdefghij'].map((elector) => `${elector}1`));
  for (const name of [...'abcdefg']) {
    clock.advance(PATIENCE_MS);
    leave(`${name}1`);
  }
  assert.deepEqual(sent.length, 10);
  assert.equal(clock.timers.size, 0);
});

test('no connection is added when a timer fires late and answers are not read yet', () => {
  const { sent, enter, leave, clock } = startQueue();
  enter('a1', 'b1', 'c1', 'd1');
  clock.stall(100 * PATIENCE_MS);
  assert.equal(sent.length, 3);
  leave('a1');
  assert.deepEqual(sent.at(-1), 'd1');
});

test('added connections are permitted only while the first ones hang', () => {
  const { sent, enter, leave, waitWithoutAnswer } = startQueue();
  enter('a1', 'b1', 'c1', 'd1');
  waitWithoutAnswer();
  assert.equal(sent.at(-1), 'd1');
  leave('d1');
  // The next request is sent at once.
  enter('e1');
  assert.equal(sent.at(-1), 'e1');
  for (const name of ['a1', 'b1', 'c1', 'e1']) leave(name);
  enter('f1', 'g1', 'h1', 'i1');
  assert.equal(sent.at(-1), 'h1');
});

test('an elector that is alone has the limit of one elector, even above the number of connections', () => {
  const { sent, enter } = startQueue({ connections: 2, ofOneElector: 4 });
  enter('a1', 'a2', 'a3', 'a4', 'a5');
  assert.equal(sent.length, 4);
  enter('b1');
  assert.equal(sent.length, 4);
});

test('a request that is over is not sent and has no timer', () => {
  const { sent, enter, over, leave, clock } = startQueue();
  enter('a1', 'b1', 'c1', 'd1', 'e1');
  assert.equal(clock.timers.size, 1);
  over.add('d1');
  leave('a1');
  assert.equal(sent.at(-1), 'e1');
  enter('f1');
  over.add('f1');
  clock.advance(PATIENCE_MS);
  assert.equal(clock.timers.size, 0);
  leave('b1');
  assert.equal(sent.at(-1), 'e1');
});

test('a closed queue has no timer, and sends nothing when a connection becomes free', () => {
  const { queue, sent, enter, leave, clock } = startQueue();
  enter('a1', 'b1', 'c1', 'd1');
  queue.close();
  assert.equal(clock.timers.size, 0);
  leave('a1');
  assert.deepEqual(sent, ['a1', 'b1', 'c1']);
});

test('connections are added when a request has waited for four pieces, although others end', () => {
  const { sent, enter, leave, clock } = startQueue();
  const electors = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  enter(...electors.map((elector) => `${elector}1`));
  const added: number[] = [];
  for (let piece = 0; piece < SLOW_PIECES + 2 * IDLE_PIECES; piece += 1) {
    const before = sent.length;
    clock.advance(PATIENCE_MS);
    added.push(sent.length - before);
    leave(sent[piece] ?? '');
  }
  // The number doubles from 3 to 6 after the fourth piece, and then again after two pieces.
  assert.deepEqual(added, [0, 0, 0, 3, 0, 6, 0, 12]);
});

test('a request that entered later waits for four pieces of its own', () => {
  const { sent, enter, leave, clock } = startQueue();
  enter('a1', 'b1', 'c1', 'd1');
  clock.advance(PATIENCE_MS);
  enter('e1', 'f1', 'g1', 'h1', 'i1');
  for (const [index, name] of ['a1', 'b1', 'c1', 'd1'].entries()) {
    leave(name);
    assert.equal(sent.length, 4 + index);
    clock.advance(PATIENCE_MS);
  }
  assert.equal(sent.length, 9);
});

test('an elector is not kept when none of its requests uses a connection', () => {
  const queue = new ConnectionQueue(LIMITS, new ManualClock());
  const before = heapBytes();
  for (let elector = 0; elector < 1_000; elector += 1) {
    const owner = Array.from({ length: 1_000 }, () => elector);
    queue.enter({ owner, isOver: () => false, go: (leave) => leave() });
  }
  const kept = heapBytes() - before;
  assert.ok(kept < 4_000_000, `${kept} bytes are kept`);
  queue.close();
});

/** The longest wait when a hundred electors send three requests each, one after the other, and the server answers after `latencyMs`. */
function longestWaitMs(latencyMs: number): number {
  const { clock, queue } = startQueue();
  let longestMs = 0;
  let missing = 0;
  const send = (owner: object, requests: number): void => {
    if (requests === 0) return;
    const enteredAtMs = clock.nowMs();
    const go = (leave: () => void): void => {
      longestMs = Math.max(longestMs, clock.nowMs() - enteredAtMs);
      clock.setTimer(latencyMs, () => {
        missing -= 1;
        leave();
        send(owner, requests - 1);
      });
    };
    queue.enter({ owner, isOver: () => false, go });
  };
  for (let elector = 0; elector < 100; elector += 1) {
    missing += 3;
    send({}, 3);
  }
  while (missing > 0) clock.advance(10);
  return longestMs;
}

test('no request waits for long when the server answers slowly', () => {
  // The time in which three connections double to two hundred.
  const limitMs = PATIENCE_MS * (SLOW_PIECES + 6 * IDLE_PIECES);
  for (const latencyMs of [20, 100, 200, 400, 1_000, 3_000]) {
    const waitedMs = longestWaitMs(latencyMs);
    assert.ok(waitedMs <= limitMs, `${waitedMs} ms with answers after ${latencyMs} ms`);
  }
});

test('the number of connections doubles from those in use, even if one elector uses them all', () => {
  const { sent, enter, waitWithoutAnswer } = startQueue({ connections: 2, ofOneElector: 4 });
  enter('a1', 'a2', 'a3', 'a4', 'b1');
  waitWithoutAnswer();
  assert.equal(sent.at(-1), 'b1');
});

/**
 * Watches that are garbled, cut, or too old, and outages: no change is missed, and the leader leads on. All over
 * TLS sockets.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiResponse } from '../../src/testing/index.ts';
import { until } from './cluster.ts';
import { pair, renewals, told } from './pair.ts';

const ERROR_EVENT = JSON.stringify({
  type: 'ERROR',
  object: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'boom', code: 500 },
});

describe('watches', { concurrency: 8 }, () => {
  for (const [what, line, ends] of [
    ['a line that is not JSON', '{"type":"MODIF\n', false],
    ['an event of an unknown type', '{"type":"SURPRISE","object":{}}\n', false],
    ['an event without an object', '{"type":"MODIFIED"}\n', false],
    ['an ERROR event', `${ERROR_EVENT}\n`, true],
    ['half a line at its end', '{"type":"MODIFIED","object":{"kind":"Lea', true],
    ['empty lines', '\n\n\n', false],
  ] as const) {
    test(`a watch with ${what} is taken up again: no change is missed`, async (t) => {
      const { cluster, leader, leaderJournal, other, otherJournal } = await pair(t);
      let spoiled = 0;
      cluster.tamper = (_request, answer) => {
        if (answer.stream === undefined || spoiled >= 4) return answer;
        spoiled += 1;
        return withLine(answer, line, ends);
      };
      // Everybody opens a watch anew, and finds that line in it.
      cluster.server.cutWatches();
      await until('the watches were spoiled', () => spoiled >= 4);
      await renewals(leader);
      assert.equal(leader.isLeader, true);
      await cluster.delete('pod', 'web-0');
      // The leader asks for its Pod once more where a list does not show it: the other may be quicker.
      await until('the other leads', () => other.isLeader && !leader.isLeader);
      assert.ok(leaderJournal.includes('demoted: pod-deleted'), leaderJournal.join());
      assert.ok(otherJournal.includes('elected'));
    });
  }

  test('watches cut again and again: the leader stays, and its end is still seen', async (t) => {
    const { cluster, leader, leaderJournal, other } = await pair(t);
    for (let round = 0; round < 3; round += 1) {
      await until('watches were cut', () => cluster.server.cutWatches() > 0);
      await renewals(leader, 1);
    }
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    cluster.server.cutWatches();
    await cluster.delete('pod', 'web-0');
    await until('the other leads', () => other.isLeader);
  });

  test('history that was compacted while the watch was down (410): everything is listed anew', async (t) => {
    const { cluster, leader, leaderJournal, other } = await pair(t);
    await cluster.pullThePlug();
    await cluster.patch('lease', 'web', { metadata: { annotations: { touched: 'by hand' } } });
    await cluster.patch('pod', 'web-1', { metadata: { annotations: { touched: 'by hand' } } });
    cluster.server.compactHistory();
    await cluster.plugIn();
    await renewals(leader);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    cluster.server.compactHistory();
    await cluster.delete('pod', 'web-0');
    await until('the other leads', () => other.isLeader);
  });

  test('the API server goes and comes back: the leader leads on, the other waits', async (t) => {
    const { cluster, leader, leaderJournal, other, otherJournal } = await pair(t);
    await cluster.pullThePlug();
    await until('both have noticed', () => Math.min(leader.unverifiedForMs, other.unverifiedForMs) > 700);
    assert.deepEqual([leader.isLeader, other.isLeader], [true, false]);
    await cluster.plugIn();
    await renewals(other);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    assert.deepEqual(told(otherJournal), ['leader: web-0']);
  });

  test('the leader’s Pod is deleted during an outage: the other succeeds it when it can learn of it', async (t) => {
    const { cluster, leader, leaderJournal, other, otherPod } = await pair(t);
    await cluster.pullThePlug();
    await cluster.delete('pod', 'web-0');
    await until('the garbage collector has been', () => cluster.lease() === undefined);
    await cluster.plugIn();
    await until('the other leads', () => other.isLeader && !leader.isLeader);
    assert.ok(leaderJournal.some((line) => line.startsWith('demoted')));
    assert.equal(cluster.ownerUid(), otherPod.uid);
  });
});

/** The same stream, with that text before everything else. */
function withLine(answer: ApiResponse, line: string, ends: boolean): ApiResponse {
  const { stream } = answer;
  if (stream === undefined) return answer;
  return {
    ...answer,
    stream: {
      open(onChunk, onEnd) {
        onChunk(line);
        if (!ends) return stream.open(onChunk, onEnd);
        stream.close();
        onEnd();
      },
      close: () => stream.close(),
    },
  };
}

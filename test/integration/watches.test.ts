/**
 * Watches that are garbled, cut or expired, and outages, over TLS sockets. No change is missed, and the leader
 * continues to lead.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ApiResponse } from '../../src/testing/index.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';
import { pair, renewals, withoutStale } from './pair.ts';

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
    test(`an elector restarts its watch and misses no change when the watch has ${what}`, async (t) => {
      const { cluster, leader, leaderJournal, other, otherJournal } = await pair(t);
      let garbled = 0;
      cluster.tamper((_request, answer) => {
        if (answer.stream === undefined || garbled >= 4) return answer;
        garbled += 1;
        return withLine(answer, line, ends);
      });
      // Each elector opens its watches again, and receives that line.
      cluster.server.cutWatches();
      await until('four watches have received the line', () => garbled >= 4);
      await renewals(leader);
      assert.equal(leader.isLeader, true);
      await cluster.delete('pod', 'web-0');
      // The leader reads its Pod again when a list does not show it, so the other may be faster.
      await until('the other leads', () => other.isLeader && !leader.isLeader);
      assert.ok(leaderJournal.includes('demoted: pod-deleted'), leaderJournal.join());
      assert.ok(otherJournal.includes('elected'));
    });
  }

  test('the leader stays, and its end is observed, when watches are cut repeatedly', async (t) => {
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

  test('an elector lists again when the history was compacted during a disconnection (410)', async (t) => {
    const { cluster, leader, leaderJournal, other } = await pair(t);
    await cluster.embedded.stopServer();
    await cluster.patch('lease', 'web', { metadata: { annotations: { touched: 'by hand' } } });
    await cluster.patch('pod', 'web-1', { metadata: { annotations: { touched: 'by hand' } } });
    cluster.server.compactHistory();
    await cluster.embedded.restartServer();
    await renewals(leader);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    cluster.server.compactHistory();
    await cluster.delete('pod', 'web-0');
    await until('the other leads', () => other.isLeader);
  });

  test('the leader continues to lead, and the other waits, when the API server is down for a while', async (t) => {
    const { cluster, leader, leaderJournal, other, otherJournal } = await pair(t);
    await cluster.embedded.stopServer();
    await until(
      'both electors have missed an answer',
      () => Math.min(leader.unverifiedForMs, other.unverifiedForMs) > 700,
    );
    assert.deepEqual([leader.isLeader, other.isLeader], [true, false]);
    await cluster.embedded.restartServer();
    await renewals(other);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    assert.deepEqual(withoutStale(otherJournal), ['leader: web-0']);
  });

  test('the other takes over after an outage when the leader’s Pod was deleted during it', async (t) => {
    // A server that was restarted answers 401 to the token of a Pod that is gone. The ten seconds of refusals that end
    // a term take half a second of real time.
    const { cluster, leader, leaderJournal, other, otherPod } = await pair(t, ALL_PERMISSIONS, 20);
    await cluster.embedded.stopServer();
    await cluster.delete('pod', 'web-0');
    // This deletion replaces the garbage collector, which does not work while this server is down.
    await cluster.delete('lease', 'web');
    await cluster.embedded.restartServer();
    await until('the other leads', () => other.isLeader && !leader.isLeader);
    assert.ok(leaderJournal.some((line) => line.startsWith('demoted')));
    assert.equal(cluster.ownerUid(), otherPod.uid);
  });
});

/** The same stream, with this text at its beginning. */
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

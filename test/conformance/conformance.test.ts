/**
 * The server gives the answers that were recorded from a real kube-apiserver. The scenarios about sockets run over a
 * socket. All others run in process, and some of each group run over a socket as well.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gapsOf, MAX_GAPS_SHARE, problemsOf, readGaps } from './gaps.ts';
import { InProcessTarget } from './in-process-target.ts';
import { countedSteps, readRecordings } from './recording.ts';
import { replay } from './replayer.ts';
import { SocketTarget } from './socket-target.ts';

const recordings = readRecordings();
const gaps = readGaps();

/** Scenarios about framing, connections, bodies that are too large, and HTTP/2: only a socket has these. */
const SOCKET_GROUP = 'http';

/** The scenarios of the other groups that run over a socket as well, one or more of each group. */
const ALSO_OVER_SOCKET = [
  'authz-restricted',
  'discovery',
  'events-core',
  'gc-two-owners',
  'kubectl-watch',
  'lease-bad-requests',
  'lease-election-race',
  'list-selectors',
  'pod-bound-delete',
  'watch-deleted-event',
  'watch-election',
  'watch-too-old',
];

for (const recording of recordings.filter(({ group }) => group !== SOCKET_GROUP)) {
  test(`${recording.scenario}: ${recording.title}`, async () => {
    const target = new InProcessTarget();
    const results = await replay(recording, target);
    await target.close();
    assert.deepEqual(problemsOf(results, gapsOf(gaps, recording.scenario)), []);
  });
}

test('over a socket', { concurrency: 8 }, async (t) => {
  const chosen = recordings.filter(
    ({ group, scenario }) => group === SOCKET_GROUP || ALSO_OVER_SOCKET.includes(scenario),
  );
  const scenarios = chosen.map((recording) =>
    t.test(`${recording.scenario}: ${recording.title}`, async () => {
      const target = await SocketTarget.open();
      const results = await replay(recording, target);
      await target.close();
      assert.deepEqual(problemsOf(results, gapsOf(gaps, recording.scenario)), []);
    }),
  );
  await Promise.all(scenarios);
  assert.ok(ALSO_OVER_SOCKET.every((name) => chosen.some(({ scenario }) => scenario === name)));
});

test('the list of gaps is short, gives reasons, and names scenarios that exist', () => {
  const scenarios = new Set(recordings.map(({ scenario }) => scenario));
  const listed = gaps.flatMap(({ steps }) =>
    Object.entries(steps).flatMap(([scenario, of]) => Object.keys(of).map((step) => `${scenario}/${step}`)),
  );
  assert.ok(gaps.every(({ reason }) => reason.length > 0));
  assert.deepEqual(
    listed.filter((gap) => !scenarios.has(gap.split('/')[0] ?? '')),
    [],
  );
  assert.equal(new Set(listed).size, listed.length, 'a gap is listed twice');
  const steps = recordings.flatMap(countedSteps).length;
  assert.ok(steps > 0 && listed.length <= steps * MAX_GAPS_SHARE, `${listed.length} gaps in ${steps} steps`);
});

/**
 * Refused, lost and garbled answers to an elector's requests, over TLS sockets. The leader stays the leader, and an
 * election still has a winner.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FaultOptions, Faults, InjectedFault, Verb } from '../../src/testing/index.ts';
import { ALL_PERMISSIONS } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';
import { journalOf, TestCluster } from './cluster.ts';
import { pair, renewals, withoutStale } from './pair.ts';

/** A fault that a test injects once. */
type Injection = (faults: Faults, request: FaultOptions) => InjectedFault;

const INJECTIONS: readonly (readonly [name: string, inject: Injection])[] = [
  ['is answered 409', (faults, request) => faults.answer(409, request)],
  ['is answered 429', (faults, request) => faults.answer(429, request)],
  ['is answered 503', (faults, request) => faults.answer(503, request)],
  ['is refused', (faults, request) => faults.refuse(request)],
  ['is executed without an answer', (faults, request) => faults.dropAnswer(request)],
];

const onceFor = (verb: Verb): FaultOptions => ({ verb, resource: 'leases', times: 1 });

/** Garbles the first answer to a matching request. */
function garbleOnce(
  cluster: TestCluster,
  fits: (method: string, path: string) => boolean,
  body: string,
): { hit: boolean } {
  const trap = { hit: false };
  cluster.tamper(({ method, path }, answer) => {
    if (trap.hit || !fits(method, path)) return answer;
    trap.hit = true;
    return { status: answer.status, headers: answer.headers, body };
  });
  return trap;
}

describe('answers', { concurrency: 8 }, () => {
  test('a leader reads the rotated token and continues when it is answered 401 once', async (t) => {
    const { cluster, pod, leader, leaderJournal } = await pair(t);
    pod.embedded.expireToken();
    pod.embedded.rotateToken();
    await renewals(leader, 3);
    const updates = cluster.requests.filter({ client: pod.name, verb: 'update' });
    assert.equal(updates.filter(({ status }) => status === 401).length, 1);
    assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
  });

  test('a leader demotes itself when it is always answered 401, and resumes its term when its token is accepted', async (t) => {
    // The ten seconds until a term ends take half a second of real time.
    const { cluster, pod, leader, leaderJournal, otherJournal, warnings } = await pair(t, ALL_PERMISSIONS, 20);
    const refusal = cluster.faults.answer(401, { client: pod.name });
    const token = leader.term?.fencingToken ?? 0n;
    await until('it is demoted', () => leaderJournal.includes('demoted: unauthorized'));
    assert.equal(leader.isLeader, false);
    assert.match(warnings.find(({ code }) => code === 'unauthorized')?.message ?? '', /was answered 401: Unauthorized/);
    assert.ok(!otherJournal.includes('elected'));
    refusal.lift();
    await until('it leads again', () => leader.isLeader);
    assert.equal(leader.term?.resumed, true);
    assert.ok((leader.term?.fencingToken ?? 0n) > token);
    assert.deepEqual(withoutStale(otherJournal), ['leader: web-0']);
  });

  for (const [name, inject] of INJECTIONS) {
    test(`an elector begins its first term when its create ${name}`, async (t) => {
      const cluster = await TestCluster.start(t);
      const fault = inject(cluster.faults, onceFor('create'));
      const pod = cluster.addPod('web-0');
      const elector = cluster.elector(pod);
      const journal = journalOf(elector);
      await elector.start();
      assert.equal(fault.hits, 1);
      assert.deepEqual(journal, ['elected', 'leader: web-0']);
      assert.equal(elector.term?.resumed, false);
      assert.equal(cluster.ownerUid(), pod.uid);
    });

    test(`the leader continues to lead when its renewal ${name}`, async (t) => {
      const { cluster, leader, leaderJournal, otherJournal } = await pair(t);
      const fault = inject(cluster.faults, onceFor('update'));
      await until('the fault has applied', () => fault.hits > 0);
      await renewals(leader);
      assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
      assert.deepEqual(withoutStale(otherJournal), ['leader: web-0']);
    });

    test(`the successor leads when its delete ${name}`, async (t) => {
      const { cluster, leader, other, otherPod } = await pair(t);
      const fault = inject(cluster.faults, onceFor('delete'));
      // The Lease has the release annotation, and the DELETE of its holder fails. So only a candidate can delete it.
      const stopped = leader.stop({ release: true });
      await until('the other leads', () => other.isLeader);
      await stopped;
      assert.equal(fault.hits, 1);
      assert.equal(cluster.ownerUid(), otherPod.uid);
    });
  }

  test('a leader continues to lead, and can be stopped, when no request is answered', async (t) => {
    const cluster = await TestCluster.start(t);
    const elector = cluster.elector(cluster.addPod('web-0'), { requestTimeoutMs: 400 });
    const journal = journalOf(elector);
    await elector.start();
    cluster.faults.delay({ ms: 600_000 });
    await until('a request has timed out', () => elector.unverifiedForMs > 900);
    assert.equal(elector.isLeader, true);
    await elector.stop();
    assert.deepEqual(journal, ['elected', 'leader: web-0', 'demoted: stopped', 'stopped']);
  });

  for (const [what, body] of [
    ['half of JSON', '{"kind":"Lease","metadata":{"na'],
    ['a page of HTML', '<html><body>Bad gateway</body></html>'],
    ['an empty body', ''],
    ['another kind', '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"web"}}'],
    ['null', 'null'],
  ] as const) {
    test(`an elector finds its Lease and leads when its create is answered with ${what}`, async (t) => {
      const cluster = await TestCluster.start(t);
      const trap = garbleOnce(cluster, (method) => method === 'POST', body);
      const elector = cluster.elector(cluster.addPod('web-0'));
      const journal = journalOf(elector);
      await elector.start();
      assert.equal(trap.hit, true);
      assert.deepEqual(journal, ['elected', 'leader: web-0']);
      assert.equal(elector.term?.resumed, false);
    });

    test(`the leader continues to lead when its renewal is answered with ${what}`, async (t) => {
      const { cluster, leader, leaderJournal } = await pair(t);
      const trap = garbleOnce(cluster, (method) => method === 'PUT', body);
      await until('the fault has applied', () => trap.hit);
      await renewals(leader);
      assert.deepEqual(leaderJournal, ['elected', 'leader: web-0']);
    });
  }
});

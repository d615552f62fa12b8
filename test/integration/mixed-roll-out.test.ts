/**
 * Sidecars and this library on one Lease, over TLS sockets, during a roll-out from sidecars to this library and back.
 *
 * The sidecar is the model of the simulation, which behaves on the Lease as the real one does.
 */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ApiClient } from '../../src/kube/api-client.ts';
import { podCredentials } from '../../src/kube/credentials.ts';
import { RELEASED_ANNOTATION } from '../../src/kube/lease-mapping.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { ApiObject } from '../../src/testing/index.ts';
import { Sidecar } from '../simulation/sidecar.ts';
import { ALL_PERMISSIONS, SIDECAR_PERMISSIONS } from '../worlds/permissions.ts';
import { until } from '../worlds/until.ts';
import { LEASE, NAMESPACE, TestCluster, type TestPod } from './cluster.ts';

/** The number of checks while a Pod is terminating. Each takes at least ten milliseconds. */
const CHECKS_OF_A_TERMINATING_POD = 10;

/** A container that takes part in the election, and the answers to an application in its Pod. */
interface Member {
  readonly pod: TestPod;
  /** Whether the application would consider itself the leader. */
  leads(): boolean;
  /** The name of the leader in its answer. `null` before the first answer. */
  answer(): Promise<string | null>;
  /** SIGTERM; resolves when the process has ended. */
  end(): Promise<void>;
}

/** Checks every write and every answer. */
class ElectionChecker {
  readonly cluster: TestCluster;
  readonly members: Set<Member> = new Set();
  readonly broken: string[] = [];
  /** The Pods that led, one after the other. */
  readonly holders: string[] = [];
  #before: ApiObject | null = null;

  constructor(cluster: TestCluster) {
    this.cluster = cluster;
    cluster.server.onWrite(({ type, resource, object }) => {
      if (resource === 'leases') this.#checkWrite(type, object);
      this.check();
    });
  }

  /** Checks that no two existing Pods lead at the same time. */
  check(): void {
    const leading = [...this.members].filter((member) => member.leads() && this.#exists(member.pod.uid));
    const pods = new Set(leading.map(({ pod }) => pod.name));
    if (pods.size > 1) this.broken.push(`${[...pods].join(' and ')} lead`);
  }

  /**
   * Checks a write: a new holder needs a holder that is gone or has released, and each write needs a holderIdentity for
   * sidecars.
   */
  #checkWrite(type: string, lease: ApiObject): void {
    const holder = lease.spec?.['holderIdentity'];
    const [owner] = lease.metadata.ownerReferences ?? [];
    if (owner === undefined || holder !== owner.name) this.broken.push(`${type} with holder ${holder}`);
    const uid = owner?.uid ?? '';
    const before = this.#before?.metadata;
    const lastUid = before?.ownerReferences?.[0]?.uid;
    if (uid !== lastUid) {
      const released = lastUid !== undefined && before?.annotations?.[RELEASED_ANNOTATION] === lastUid;
      if (lastUid !== undefined && this.#exists(lastUid) && !released) {
        this.broken.push(
          `${owner?.name} takes over from ${before?.ownerReferences?.[0]?.name}, which exists and did not release`,
        );
      }
      this.holders.push(owner?.name ?? '');
    }
    this.#before = lease;
  }

  #exists(uid: string): boolean {
    return [...this.members].some(({ pod }) => pod.uid === uid && this.cluster.pod(pod.name)?.metadata.uid === uid);
  }

  /** Waits until every member names the Pod that owns the Lease, and only that Pod leads. */
  async agree(): Promise<string> {
    let disagreement = 'no answer yet';
    for (let attempt = 0; attempt < 1_000 && disagreement !== ''; attempt += 1) {
      await pause(10);
      this.check();
      const owner = this.cluster.lease()?.metadata.ownerReferences?.[0];
      const answers = await Promise.all([...this.members].map((member) => member.answer()));
      const leading = [...this.members].filter((member) => member.leads()).map(({ pod }) => pod.uid);
      const agreed = owner !== undefined && answers.every((answer) => answer === owner.name);
      const owned = leading.length > 0 && leading.every((uid) => uid === owner?.uid);
      disagreement =
        agreed && owned ? '' : `owner ${owner?.name}, answers ${answers.join()}, leading ${leading.length}`;
    }
    assert.equal(disagreement, '');
    return this.cluster.lease()?.metadata.ownerReferences?.[0]?.name ?? '';
  }

  /** Deletes a Pod with a grace period: its processes end, the kubelet confirms, and the collector follows. */
  async remove(...members: readonly Member[]): Promise<void> {
    const [{ pod }] = members as [Member];
    const before = await this.agree();
    await this.cluster.delete('pod', pod.name);
    // The Pod is terminating and still leads. The checks last longer than the jitter of a candidate that would wrongly
    // take over.
    for (let count = 0; count < CHECKS_OF_A_TERMINATING_POD; count += 1) assert.equal(await this.agree(), before);
    await Promise.all(members.map((member) => member.end()));
    this.check();
    this.cluster.server.confirmPodTermination(NAMESPACE, pod.name);
    for (const member of members) this.members.delete(member);
    this.check();
  }
}

function sidecarIn(t: TestContext, checker: ElectionChecker, pod: TestPod): Member {
  const credentials = podCredentials(pod.environment, pod.directory, systemClock);
  const transport = new ApiClient({ credentials, requestTimeoutMs: 2_000, clock: systemClock });
  const sidecar = new Sidecar({
    transport,
    clock: systemClock,
    namespace: NAMESPACE,
    lease: LEASE,
    hostname: pod.name,
    lookEveryMs: 30,
    exit: (reason) => checker.broken.push(`the sidecar of ${pod.name} exits: ${reason}`),
  });
  let runs = true;
  const end = async (): Promise<void> => {
    runs = false;
    sidecar.stop();
    transport.close();
  };
  t.after(end);
  const member: Member = {
    pod,
    leads: () => runs && sidecar.leader === pod.name,
    answer: async () => sidecar.leader,
    end,
  };
  checker.members.add(member);
  sidecar.start();
  return member;
}

async function libraryIn(checker: ElectionChecker, pod: TestPod): Promise<Member> {
  // Each Pod has its own loopback address in reality. Here, each has its own port.
  const elector = checker.cluster.elector(pod, { endpoint: { port: 0, host: '127.0.0.1' }, exportEnv: true });
  for (const event of ['elected', 'demoted', 'leaderChanged'] as const) elector.on(event, () => checker.check());
  const member: Member = {
    pod,
    leads: () => elector.isLeader,
    answer: async () => {
      const { name = null } = (await (await fetch(url)).json()) as { name?: string };
      return name;
    },
    end: () => elector.stop(),
  };
  let url = '';
  await elector.start();
  url = process.env['ELECTOR_GET_URL'] ?? '';
  checker.members.add(member);
  return member;
}

/** A Deployment's roll-out with `maxSurge: 1`: a new Pod starts, then an old Pod is deleted. */
async function rollOut(
  checker: ElectionChecker,
  old: readonly Member[],
  addNew: (name: string) => Member | Promise<Member>,
  revision: string,
): Promise<Member[]> {
  const fresh: Member[] = [];
  for (const [index, member] of old.entries()) {
    const before = await checker.agree();
    const { length } = checker.holders;
    fresh.push(await addNew(`web-${revision}-${index}`));
    assert.equal(await checker.agree(), before, 'a new Pod changes nothing');
    await checker.remove(member);
    const after = await checker.agree();
    if (before !== member.pod.name) assert.equal(after, before, 'the end of a Pod that did not lead changes nothing');
    else assert.notEqual(after, before);
    assert.equal(checker.holders.length, before === member.pod.name ? length + 1 : length);
  }
  return fresh;
}

for (const [whose, permissions] of [
  ["the sidecar's permissions", SIDECAR_PERMISSIONS],
  ['all permissions', ALL_PERMISSIONS],
] as const) {
  test(`leadership moves only when the leader's Pod is replaced, in a roll-out to this library and back with ${whose}`, async (t) => {
    const cluster = await TestCluster.start(t, { permissions });
    const checker = new ElectionChecker(cluster);
    const podOf = (name: string): TestPod => cluster.addPod(name, { nodeName: 'node-1' });
    const addSidecar = (name: string): Member => sidecarIn(t, checker, podOf(name));
    const first = ['web-1-0', 'web-1-1', 'web-1-2'].map(addSidecar);
    await checker.agree();

    const second = await rollOut(checker, first, (name) => libraryIn(checker, podOf(name)), '2');
    await rollOut(checker, second, addSidecar, '3');

    assert.deepEqual(checker.broken, []);
    assert.ok(checker.holders.length >= 3, `led: ${checker.holders.join()}`);
    assert.ok(checker.holders.some((name) => name.startsWith('web-2')));
  });
}

test('an elector resumes the term, and the others wait, when the sidecar in its Pod has the Lease', async (t) => {
  const cluster = await TestCluster.start(t);
  const checker = new ElectionChecker(cluster);
  const [pod, otherPod] = ['web-0', 'web-1'].map((name) => cluster.addPod(name, { nodeName: 'node-1' })) as [
    TestPod,
    TestPod,
  ];
  const sidecar = sidecarIn(t, checker, pod);
  await until('the sidecar leads', () => sidecar.leads());
  const uid = cluster.lease()?.metadata.uid;
  sidecarIn(t, checker, otherPod);
  const other = await libraryIn(checker, otherPod);
  const elector = await libraryIn(checker, pod);
  assert.equal(await checker.agree(), pod.name);
  assert.deepEqual([elector.leads(), sidecar.leads(), other.leads()], [true, true, false]);
  assert.equal(cluster.lease()?.metadata.uid, uid, 'it is the same Lease');

  await checker.remove(sidecar, elector);
  assert.equal(await checker.agree(), otherPod.name);
  assert.deepEqual(checker.broken, []);
});

test('all sidecars name the Pod of the elector when that elector has the Lease', async (t) => {
  const cluster = await TestCluster.start(t);
  const checker = new ElectionChecker(cluster);
  const [pod, otherPod] = ['web-0', 'web-1'].map((name) => cluster.addPod(name, { nodeName: 'node-1' })) as [
    TestPod,
    TestPod,
  ];
  const elector = await libraryIn(checker, pod);
  const sidecar = sidecarIn(t, checker, pod);
  const other = sidecarIn(t, checker, otherPod);
  assert.equal(await checker.agree(), pod.name);
  assert.deepEqual([elector.leads(), sidecar.leads(), other.leads()], [true, true, false]);
  await checker.remove(elector, sidecar);
  assert.equal(await checker.agree(), otherPod.name);
  assert.deepEqual(checker.broken, []);
});

/**
 * Sidecars and this library on one Lease, over TLS sockets, while the one is rolled out in place of the other, or back.
 *
 * The sidecar is the simulation's stand-in, which behaves on the Lease as the real one does.
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
import { LEASE, NAMESPACE, TestCluster, type TestPod, until } from './cluster.ts';

/** All that NAIS grants. */

/** Each takes at least ten milliseconds. */
const LOOKS_AT_A_TERMINATING_POD = 10;

/** A container that takes part in the election, and what an application in its Pod is told. */
interface Member {
  readonly pod: TestPod;
  /** Whether the application would take itself for the leader. */
  leads(): boolean;
  /** Whom it names; `null` while it knows nobody. */
  answer(): Promise<string | null>;
  /** SIGTERM; resolves when the process has ended. */
  end(): Promise<void>;
}

/** Watches over everything that is written and told. */
class Watchman {
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

  /** At no moment two Pods that both exist and both lead. */
  check(): void {
    const leading = [...this.members].filter((member) => member.leads() && this.#exists(member.pod.uid));
    const pods = new Set(leading.map(({ pod }) => pod.name));
    if (pods.size > 1) this.broken.push(`${[...pods].join(' and ')} lead`);
  }

  /** A new holder only after the last one is gone or gave the Lease up; and a holder for sidecars in every write. */
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
        this.broken.push(`${owner?.name} succeeds ${before?.ownerReferences?.[0]?.name}, whose time was not over`);
      }
      this.holders.push(owner?.name ?? '');
    }
    this.#before = lease;
  }

  #exists(uid: string): boolean {
    return [...this.members].some(({ pod }) => pod.uid === uid && this.cluster.pod(pod.name)?.metadata.uid === uid);
  }

  /** Everybody names the Pod that owns the Lease, and it alone leads. */
  async agree(): Promise<string> {
    let disagreement = 'nothing was asked yet';
    for (let ask = 0; ask < 1_000 && disagreement !== ''; ask += 1) {
      await pause(10);
      this.check();
      const owner = this.cluster.lease()?.metadata.ownerReferences?.[0];
      const answers = await Promise.all([...this.members].map((member) => member.answer()));
      const leading = [...this.members].filter((member) => member.leads()).map(({ pod }) => pod.uid);
      const agreed = owner !== undefined && answers.every((answer) => answer === owner.name);
      const owned = leading.length > 0 && leading.every((uid) => uid === owner?.uid);
      disagreement = agreed && owned ? '' : `owner ${owner?.name}, told ${answers.join()}, leading ${leading.length}`;
    }
    assert.equal(disagreement, '');
    return this.cluster.lease()?.metadata.ownerReferences?.[0]?.name ?? '';
  }

  /** The Pod is deleted with grace: its processes end, the kubelet confirms, and the collector follows. */
  async remove(...members: readonly Member[]): Promise<void> {
    const [{ pod }] = members as [Member];
    const before = await this.agree();
    await this.cluster.delete('pod', pod.name);
    // It is being deleted, and works on: longer than whoever thinks otherwise waits for its turn.
    for (let look = 0; look < LOOKS_AT_A_TERMINATING_POD; look += 1) assert.equal(await this.agree(), before);
    await Promise.all(members.map((member) => member.end()));
    this.check();
    this.cluster.server.confirmPodTermination(NAMESPACE, pod.name);
    for (const member of members) this.members.delete(member);
    this.check();
  }
}

function sidecarIn(t: TestContext, watchman: Watchman, pod: TestPod): Member {
  const credentials = podCredentials(pod.environment, pod.directory, systemClock);
  const transport = new ApiClient({ credentials, requestTimeoutMs: 2_000, clock: systemClock });
  const sidecar = new Sidecar({
    transport,
    clock: systemClock,
    namespace: NAMESPACE,
    lease: LEASE,
    hostname: pod.name,
    lookEveryMs: 30,
    exit: (reason) => watchman.broken.push(`the sidecar of ${pod.name} exits: ${reason}`),
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
  watchman.members.add(member);
  sidecar.start();
  return member;
}

async function libraryIn(watchman: Watchman, pod: TestPod): Promise<Member> {
  // A Pod has loopback addresses of its own; here each has a port.
  const elector = watchman.cluster.elector(pod, { endpoint: { port: 0, host: '127.0.0.1' }, exportEnv: true });
  for (const event of ['elected', 'demoted', 'leaderChanged'] as const) elector.on(event, () => watchman.check());
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
  watchman.members.add(member);
  return member;
}

/** A Deployment's roll-out with `maxSurge: 1`: a new Pod comes up, then an old one goes. */
async function rollOut(
  watchman: Watchman,
  old: readonly Member[],
  addNew: (name: string) => Member | Promise<Member>,
  revision: string,
): Promise<Member[]> {
  const fresh: Member[] = [];
  for (const [index, member] of old.entries()) {
    const before = await watchman.agree();
    const { length } = watchman.holders;
    fresh.push(await addNew(`web-${revision}-${index}`));
    assert.equal(await watchman.agree(), before, 'a Pod that comes up changes nothing');
    await watchman.remove(member);
    const after = await watchman.agree();
    if (before !== member.pod.name) assert.equal(after, before, 'nor does one that goes and did not lead');
    else assert.notEqual(after, before);
    assert.equal(watchman.holders.length, before === member.pod.name ? length + 1 : length);
  }
  return fresh;
}

for (const [whose, permissions] of [
  ["the sidecar's permissions", SIDECAR_PERMISSIONS],
  ['all permissions', ALL_PERMISSIONS],
] as const) {
  test(`three Pods are rolled from sidecars to this library and back, with ${whose}`, async (t) => {
    const cluster = await TestCluster.start(t, { permissions });
    const watchman = new Watchman(cluster);
    const podOf = (name: string): TestPod => cluster.addPod(name, { nodeName: 'node-1' });
    const addSidecar = (name: string): Member => sidecarIn(t, watchman, podOf(name));
    const first = ['web-1-0', 'web-1-1', 'web-1-2'].map(addSidecar);
    await watchman.agree();

    const second = await rollOut(watchman, first, (name) => libraryIn(watchman, podOf(name)), '2');
    await rollOut(watchman, second, addSidecar, '3');

    assert.deepEqual(watchman.broken, []);
    assert.ok(watchman.holders.length >= 3, `led: ${watchman.holders.join()}`);
    assert.ok(watchman.holders.some((name) => name.startsWith('web-2')));
  });
}

test('a sidecar that is still in the Pod has the Lease: its elector resumes that term, the others wait', async (t) => {
  const cluster = await TestCluster.start(t);
  const watchman = new Watchman(cluster);
  const [pod, otherPod] = ['web-0', 'web-1'].map((name) => cluster.addPod(name, { nodeName: 'node-1' })) as [
    TestPod,
    TestPod,
  ];
  const sidecar = sidecarIn(t, watchman, pod);
  await until('the sidecar leads', () => sidecar.leads());
  const uid = cluster.lease()?.metadata.uid;
  sidecarIn(t, watchman, otherPod);
  const other = await libraryIn(watchman, otherPod);
  const elector = await libraryIn(watchman, pod);
  assert.equal(await watchman.agree(), pod.name);
  assert.deepEqual([elector.leads(), sidecar.leads(), other.leads()], [true, true, false]);
  assert.equal(cluster.lease()?.metadata.uid, uid, 'the very Lease');

  await watchman.remove(sidecar, elector);
  assert.equal(await watchman.agree(), otherPod.name);
  assert.deepEqual(watchman.broken, []);
});

test('where the elector has the Lease, the sidecar in its Pod names that Pod, and so do the others', async (t) => {
  const cluster = await TestCluster.start(t);
  const watchman = new Watchman(cluster);
  const [pod, otherPod] = ['web-0', 'web-1'].map((name) => cluster.addPod(name, { nodeName: 'node-1' })) as [
    TestPod,
    TestPod,
  ];
  const elector = await libraryIn(watchman, pod);
  const sidecar = sidecarIn(t, watchman, pod);
  const other = sidecarIn(t, watchman, otherPod);
  assert.equal(await watchman.agree(), pod.name);
  assert.deepEqual([elector.leads(), sidecar.leads(), other.leads()], [true, true, false]);
  await watchman.remove(elector, sidecar);
  assert.equal(await watchman.agree(), otherPod.name);
  assert.deepEqual(watchman.broken, []);
});

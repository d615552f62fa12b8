// Checks that the cluster of the exploration answers as the embedded API server does, with the ports of the production
// code.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LeaseContent, LeaseRecord, PodRecord } from '../../src/core/lease-record.ts';
import type { Answer, LeasePort, PodPort } from '../../src/driver/ports.ts';
import type { ApiAnswer, ApiTransport } from '../../src/kube/api-client.ts';
import { leasePort, leaseWatchPort } from '../../src/kube/lease-api.ts';
import { podPort } from '../../src/kube/pod-api.ts';
import type { ApiServer } from '../../src/testing/index.ts';
import { answerOf, httpRequestOf } from '../kube/in-process-api.ts';
import { makeServer, PODS_PATH, send } from '../testing/api-client.ts';
import type { ManualClock } from '../worlds/manual-clock.ts';
import {
  type Cluster,
  carryOut,
  collect,
  EMPTY_CLUSTER,
  type Request,
  withoutPod,
  withPod,
  withTerminating,
} from './cluster-model.ts';

const NAMES = ['app-0', 'app-1'] as const;

function transportOver(server: ApiServer): ApiTransport {
  return {
    async request(request): Promise<ApiAnswer> {
      return answerOf(request, await server.handle(httpRequestOf(request, server.adminToken)));
    },
    stream() {
      throw new Error('this test opens no watch');
    },
  };
}

/** The model and the embedded server. Each answer of the model is compared with the answer of the server. */
class Pair {
  readonly #server: ApiServer;
  readonly #clock: ManualClock;
  readonly #lease: LeasePort;
  readonly #pods: PodPort;
  readonly #list: () => Promise<Answer<{ readonly items: readonly LeaseRecord[]; readonly resourceVersion: string }>>;
  /** The answered Leases of both sides. */
  readonly seen: { readonly model: LeaseRecord; readonly real: LeaseRecord }[] = [];
  /** The names of the server, by the names of the model. */
  readonly #names = new Map<string, string>();
  cluster: Cluster = EMPTY_CLUSTER;

  constructor() {
    const { server, clock } = makeServer();
    const transport = transportOver(server);
    this.#server = server;
    this.#clock = clock;
    this.#lease = leasePort(transport, 'ns', 'app');
    this.#pods = podPort(transport, 'ns');
    const watch = leaseWatchPort(transport, 'ns', 'app');
    this.#list = () => watch.list();
  }

  /** Binds a name of the model to a name of the server, or checks an existing binding. */
  #bind(model: string, real: string): void {
    const bound = this.#names.get(model);
    if (bound === undefined) this.#names.set(model, real);
    else assert.equal(real, bound);
  }

  async send(request: Request): Promise<void> {
    const { cluster, answer } = carryOut(this.cluster, request, true);
    this.cluster = cluster;
    const real = await this.#sendToServer(request);
    assert.equal(real.ok, answer.ok, JSON.stringify({ request, answer, real }));
    if (!real.ok || !answer.ok) {
      assert.equal(real.ok ? '' : real.failure.kind, answer.ok ? '' : answer.failure.kind);
      return;
    }
    const items = (value: unknown): readonly unknown[] => {
      if (typeof value === 'object' && value !== null && 'items' in value) return value.items as unknown[];
      return value === null ? [] : [value];
    };
    const [expected, actual] = [items(answer.value), items(real.value)];
    assert.equal(actual.length, expected.length);
    if (request.verb === 'readPod') this.#comparePods(expected[0] as PodRecord, actual[0] as PodRecord);
    else if (expected[0] !== undefined) this.#compareLeases(expected[0] as LeaseRecord, actual[0] as LeaseRecord);
  }

  #sendToServer(request: Request): Promise<Answer<unknown>> {
    switch (request.verb) {
      case 'readLease':
        return this.#lease.read();
      case 'createLease':
        return this.#lease.create(this.#translate(request.content));
      case 'replaceLease':
        return this.#lease.replace(this.#realOf(request.lease), this.#translate(request.content));
      case 'deleteLease':
        return this.#lease.delete(this.#realOf(request.lease));
      case 'readPod':
        return this.#pods.read(request.name);
      case 'listLease':
        return this.#list();
      case 'listPod':
        throw new Error('lists of Pods are not compared, because they work as lists of Leases do');
    }
  }

  #translate(content: LeaseContent): LeaseContent {
    const { owner } = content;
    return owner === null ? content : { ...content, owner: { ...owner, uid: this.#names.get(owner.uid) ?? owner.uid } };
  }

  #realOf(lease: LeaseRecord): LeaseRecord {
    const found = this.seen.find(({ model }) => model === lease);
    assert.ok(found !== undefined);
    return found.real;
  }

  #compareLeases(model: LeaseRecord, real: LeaseRecord): void {
    this.#bind(model.uid, real.uid);
    this.#bind(`revision ${model.resourceVersion}`, real.resourceVersion);
    const { uid: _uid, resourceVersion: _version, source: _source, ...content } = model;
    const { uid: _realUid, resourceVersion: _realVersion, source: _realSource, ...realContent } = real;
    assert.deepEqual(realContent, this.#translate(content));
    const newest = this.seen.at(-1);
    const grows = newest === undefined || Number(model.resourceVersion) > Number(newest.model.resourceVersion);
    if (grows && newest !== undefined) assert.ok(BigInt(real.resourceVersion) > BigInt(newest.real.resourceVersion));
    if (grows) this.seen.push({ model, real });
  }

  #comparePods(model: PodRecord | undefined, real: PodRecord | undefined): void {
    if (model === undefined || real === undefined) return;
    assert.deepEqual(
      { name: real.name, uid: real.uid, terminating: real.terminating },
      { name: model.name, uid: this.#names.get(model.uid), terminating: model.terminating },
    );
  }

  addPod(name: string, uid: string): void {
    this.cluster = withPod(this.cluster, { name, uid }).cluster;
    const pod = this.#server.createPod({ namespace: 'ns', name, nodeName: 'node-1' });
    this.#names.set(uid, pod.uid);
  }

  async endPod(pod: PodRecord, how: 'terminate' | 'force'): Promise<void> {
    const next = how === 'force' ? withoutPod(this.cluster, pod.uid) : withTerminating(this.cluster, pod.uid);
    this.cluster = next.cluster;
    await send(this.#server, 'DELETE', `${PODS_PATH}/${pod.name}`, {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(how === 'force' ? { gracePeriodSeconds: 0 } : {}),
    });
  }

  /** Both collectors do one step. The first step of the real one is a read. */
  collectOnce(): void {
    this.#clock.advance(this.cluster.collection.step === 'idle' ? 5 : 1);
    this.cluster = collect(this.cluster)?.cluster ?? this.cluster;
  }

  collectAll(): void {
    this.#clock.advance(60_000);
    for (let next = collect(this.cluster); next !== null; next = collect(this.cluster)) this.cluster = next.cluster;
  }
}

let renewals = 0;

/** Each content differs from the one before, because a PUT without a change is not a write. */
function contentOf(owner: PodRecord | null, released = false): LeaseContent {
  renewals += 1;
  return {
    holderIdentity: owner?.name ?? 'somebody',
    owner: owner === null ? null : { name: owner.name, uid: owner.uid },
    acquireTimeMs: 1_700_000_000_000,
    renewTimeMs: 1_700_000_000_000 + renewals,
    leaseDurationSeconds: 30,
    leaseTransitions: 1,
    releasedBy: released && owner !== null ? owner.uid : null,
  };
}

const anyOperation = fc.record({
  what: fc.constantFrom(
    'create' as const,
    'create' as const,
    'replace' as const,
    'replace' as const,
    'delete' as const,
    'read' as const,
    'list' as const,
    'readPod' as const,
    'addPod' as const,
    'terminate' as const,
    'force' as const,
    'collect' as const,
  ),
  /** The age of the Lease on which a write is based. 0 is the newest. */
  age: fc.constantFrom(0, 0, 0, 1, 2),
  which: fc.nat(1),
  flag: fc.boolean(),
});

type Operation = typeof anyOperation extends fc.Arbitrary<infer Made> ? Made : never;

async function perform(pair: Pair, { what, age, which, flag }: Operation, number: number): Promise<void> {
  const name = NAMES[which as 0 | 1];
  const pod = pair.cluster.pods.find((one) => one.name === name);
  const owner = pod ?? null;
  const lease = pair.seen.at(-1 - age)?.model;
  switch (what) {
    case 'create':
      return pair.send({ verb: 'createLease', content: contentOf(owner) });
    case 'replace':
      if (lease !== undefined) await pair.send({ verb: 'replaceLease', lease, content: contentOf(owner, flag) });
      return;
    case 'delete':
      if (lease !== undefined) await pair.send({ verb: 'deleteLease', lease });
      return;
    case 'read':
      return pair.send({ verb: 'readLease' });
    case 'list':
      return pair.send({ verb: 'listLease' });
    case 'readPod':
      return pair.send({ verb: 'readPod', name });
    case 'addPod':
      if (pod === undefined) pair.addPod(name, `pod-${number}`);
      return;
    case 'terminate':
    case 'force':
      if (pod !== undefined && !(what === 'terminate' && pod.terminating)) await pair.endPod(pod, what);
      return;
    case 'collect':
      return pair.collectAll();
  }
}

test('the model of the cluster answers every request as the embedded API server does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyOperation, { maxLength: 40, size: 'max' }), async (operations) => {
      const pair = new Pair();
      for (const [number, operation] of operations.entries()) {
        await perform(pair, operation, number);
        await pair.send({ verb: 'readLease' });
      }
    }),
    { numRuns: 150 },
  );
});

/** The writes of a client between two steps of the collector. */
const WRITES = ['nothing', 'renew', 'take over', 'delete and create'] as const;

test('the collector of the model deletes the same Leases as the real one when a client writes between its steps', async () => {
  for (let number = 0; number < WRITES.length ** 4; number += 1) {
    const pair = new Pair();
    pair.addPod('app-0', 'pod-0');
    pair.addPod('app-1', 'pod-1');
    const [dead, live] = pair.cluster.pods as readonly [PodRecord, PodRecord];
    await pair.send({ verb: 'createLease', content: contentOf(dead) });
    await pair.endPod(dead, 'force');
    for (let step = 0; step < 4; step += 1) {
      pair.collectOnce();
      await write(pair, WRITES[Math.floor(number / 4 ** step) % 4] ?? 'nothing', live);
      await pair.send({ verb: 'readLease' });
    }
    pair.collectAll();
    await pair.send({ verb: 'readLease' });
  }
});

async function write(pair: Pair, what: (typeof WRITES)[number], live: PodRecord): Promise<void> {
  const { lease } = pair.cluster;
  if (what === 'nothing' || lease === null) return;
  const { owner } = lease;
  if (what === 'renew') await pair.send({ verb: 'replaceLease', lease, content: { ...contentOf(null), owner } });
  if (what === 'take over') await pair.send({ verb: 'replaceLease', lease, content: contentOf(live) });
  if (what === 'delete and create') {
    await pair.send({ verb: 'deleteLease', lease });
    await pair.send({ verb: 'createLease', content: contentOf(live) });
  }
}

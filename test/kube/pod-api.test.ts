/**
 * Checks how a Pod is read: as a real API server answered it (`test/conformance/recordings`), and with the status that
 * a kubelet and the control plane write.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { PodRecord, PodReport } from '../../src/core/lease-record.ts';
import { hasStopped } from '../../src/core/lease-record.ts';
import { readPod } from '../../src/kube/pod-api.ts';
import { isObject } from '../../src/runtime/object-kind.ts';

/** The record of this Pod. */
async function read(pod: object, name: string = 'a'): Promise<PodRecord> {
  const client = { request: async () => ({ ok: true, value: pod }) };
  const answer = await readPod(client as unknown as Parameters<typeof readPod>[0], 'shop', name);
  assert.ok(answer.ok && answer.value !== null, JSON.stringify(answer));
  return answer.value;
}

async function report(pod: object): Promise<PodReport | undefined> {
  return (await read(pod)).report;
}

const PLACES: Readonly<Record<string, string>> = { uid: 'pod-uid', rv: '7', ns: 'shop' };

/** The Pod in the answer of this recorded step. Every placeholder of a time has the same time. */
function recorded(recording: string, step: string): object {
  const path = join(import.meta.dirname, '../conformance/recordings', `${recording}.json`);
  const { steps } = JSON.parse(readFileSync(path, 'utf8')) as {
    steps: { id?: string; response?: { body?: unknown } }[];
  };
  const body = steps.find(({ id }) => id === step)?.response?.body;
  const text = JSON.stringify(body).replace(/<(time:rfc3339|\w+):[^>]*>/g, (_, kind: string) =>
    kind === 'time:rfc3339' ? '2026-03-01T10:00:30Z' : (PLACES[kind] ?? 'x'),
  );
  return JSON.parse(text);
}

describe('Pods that a real API server answered', () => {
  const NOTHING: PodReport = {
    phase: 'Pending',
    reason: null,
    nodeName: null,
    containersReady: null,
    ready: null,
    readyReason: null,
    readyChangedAtMs: null,
    containersTerminated: false,
    terminatingSinceMs: null,
    deletionTimestampMs: null,
    waiting: null,
    gracePeriodMs: null,
  };
  const AT_MS = Date.UTC(2026, 2, 1, 10, 0, 30);
  const READY = { ready: true, readyChangedAtMs: Date.UTC(2026, 2, 1, 10, 0, 1) };
  const rows: readonly [recording: string, step: string, Partial<PodReport>][] = [
    ['pod-status', 'create-a', { nodeName: 'no-such-node' }],
    ['pod-status', 'running', { phase: 'Running', nodeName: 'no-such-node', ...READY }],
    ['pod-status', 'evicted', { phase: 'Failed', reason: 'Evicted', nodeName: 'no-such-node', ...READY }],
    ['pod-status', 'succeeded', { phase: 'Succeeded', nodeName: 'no-such-node' }],
    ['pod-status', 'made-up-phase', { phase: 'Dancing', nodeName: 'no-such-node' }],
    ['gc-failed-pod', 'evicted', { phase: 'Failed', reason: 'Evicted', nodeName: 'no-such-node' }],
    [
      'pod-bound-delete',
      'terminating',
      {
        nodeName: 'no-such-node',
        terminatingSinceMs: AT_MS - 30_000,
        deletionTimestampMs: AT_MS,
        gracePeriodMs: 30_000,
      },
    ],
    [
      'pod-bound-delete',
      'delete-shorter',
      { nodeName: 'no-such-node', terminatingSinceMs: AT_MS - 5_000, deletionTimestampMs: AT_MS, gracePeriodMs: 5_000 },
    ],
  ];
  const nameOf: Readonly<Record<string, string>> = { succeeded: 'b', 'made-up-phase': 'c' };
  for (const [recording, step, expected] of rows) {
    test(`${recording}, ${step}`, async () => {
      const pod = await read(recorded(recording, step), nameOf[step]);
      assert.deepEqual(pod.report, { ...NOTHING, ...expected });
      assert.equal(pod.terminating, expected.deletionTimestampMs !== undefined);
      assert.equal(hasStopped(pod), false, 'its containers have no report');
    });
  }
});

const RUNNING = { state: { running: { startedAt: '2026-03-01T10:00:00Z' } } };
const WAITING = { state: { waiting: { reason: 'CrashLoopBackOff' } } };
const TERMINATED = { state: { terminated: { exitCode: 137, reason: 'Error' } } };

const META = { name: 'a', namespace: 'shop', uid: 'u', resourceVersion: '7' };

function podWith(status: object, spec: object = { containers: [{ name: 'main' }] }, metadata: object = {}): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...META, ...metadata }, spec, status };
}

function failedWith(statuses: Readonly<Record<string, unknown>>, spec?: object): object {
  return podWith({ phase: 'Failed', ...statuses }, spec);
}

describe('whether every container has ended', () => {
  const MAIN = { name: 'main', ...TERMINATED };
  const SIDECAR = { containers: [{ name: 'main' }], initContainers: [{ name: 'proxy', restartPolicy: 'Always' }] };
  const ONE = { containers: [{ name: 'main' }] };
  const NULLS = { ...ONE, initContainers: null, ephemeralContainers: null };
  const DEBUGGED = { containers: [{ name: 'main' }], ephemeralContainers: [{ name: 'debugger' }] };
  const rows: readonly [rule: string, pod: object, ended: boolean][] = [
    ['the only container is terminated', failedWith({ containerStatuses: [MAIN] }), true],
    ['one runs', failedWith({ containerStatuses: [{ name: 'main', ...RUNNING }] }), false],
    ['one waits to be started again', failedWith({ containerStatuses: [{ name: 'main', ...WAITING }] }), false],
    ['one has only its name', failedWith({ containerStatuses: [{ name: 'main' }] }), false],
    ['no container has a report, because the Pod was rejected or its node never reported', failedWith({}), false],
    ['the list is empty', failedWith({ containerStatuses: [] }), false],
    ['the list is not a list', failedWith({ containerStatuses: 'terminated' }), false],
    [
      'one of two is not reported',
      failedWith({ containerStatuses: [MAIN] }, { containers: [{ name: 'main' }, { name: 'other' }] }),
      false,
    ],
    [
      'a container that is not in the spec runs',
      failedWith({ containerStatuses: [MAIN, { name: 'stranger', ...RUNNING }] }),
      false,
    ],
    [
      'a sidecar (an init container) still runs',
      failedWith({ containerStatuses: [MAIN], initContainerStatuses: [{ name: 'proxy', ...RUNNING }] }, SIDECAR),
      false,
    ],
    ['a sidecar has no report', failedWith({ containerStatuses: [MAIN] }, SIDECAR), false],
    [
      'a sidecar is terminated',
      failedWith({ containerStatuses: [MAIN], initContainerStatuses: [{ name: 'proxy', ...TERMINATED }] }, SIDECAR),
      true,
    ],
    [
      'a debug container still runs',
      failedWith(
        { containerStatuses: [MAIN], ephemeralContainerStatuses: [{ name: 'debugger', ...RUNNING }] },
        DEBUGGED,
      ),
      false,
    ],
    [
      'the list of its sidecars is not a list',
      failedWith({ containerStatuses: [MAIN] }, { ...ONE, initContainers: 'x' }),
      false,
    ],
    [
      'one of its sidecars is not an object',
      failedWith({ containerStatuses: [MAIN] }, { ...ONE, initContainers: [null] }),
      false,
    ],
    ['a report is not an object', failedWith({ containerStatuses: [MAIN, null] }), false],
    [
      'a container and its report have no name',
      failedWith({ containerStatuses: [TERMINATED] }, { containers: [{}] }),
      false,
    ],
    [
      'lists that are null are empty',
      failedWith({ containerStatuses: [MAIN], initContainerStatuses: null }, NULLS),
      true,
    ],
    ['the Pod has no spec', failedWith({ containerStatuses: [MAIN] }, {}), false],
  ];
  for (const [rule, pod, ended] of rows) {
    test(`${rule}: ${ended ? 'yes' : 'no'}`, async () => {
      assert.equal((await report(pod))?.containersTerminated, ended);
      assert.equal(hasStopped(await read(pod)), ended);
    });
  }

  test('ended containers do not stop a Pod that can start them again', async () => {
    for (const phase of ['Running', 'Pending', 'Unknown', undefined]) {
      assert.equal(hasStopped(await read(podWith({ phase, containerStatuses: [MAIN] }))), false, phase);
    }
    assert.equal(hasStopped(await read(podWith({ phase: 'Succeeded', containerStatuses: [MAIN] }))), true);
  });
});

describe('an object that is not the requested Pod', () => {
  const POD = podWith({ phase: 'Running' });
  const rows: readonly [pod: unknown, problem: RegExp][] = [
    [null, /it is not an object/],
    [{ ...POD, kind: 'Lease' }, /has the kind "Lease", not "Pod"/],
    [{ ...POD, kind: undefined }, /has the kind none/],
    [{ ...POD, apiVersion: 'metrics.k8s.io/v1' }, /has the apiVersion "metrics.k8s.io\/v1", not "v1"/],
    [{ ...POD, metadata: { ...META, namespace: 'bank' } }, /has the namespace "bank", not "shop"/],
    [{ ...POD, metadata: { ...META, namespace: undefined } }, /has the namespace none/],
    [{ ...POD, metadata: { ...META, name: 'b' } }, /has the name "b", not "a"/],
    [{ ...POD, metadata: { ...META, uid: '\u0000' } }, /has no usable uid/],
  ];
  for (const [pod, problem] of rows) {
    test(`is malformed: ${problem.source}`, async () => {
      const client = { request: async () => ({ ok: true, value: pod }) };
      const answer = await readPod(client as unknown as Parameters<typeof readPod>[0], 'shop', 'a');
      assert.ok(!answer.ok);
      assert.equal(answer.failure.kind, 'malformed');
      assert.match(answer.failure.message, problem);
    });
  }
});

describe('the other fields of a report', () => {
  test('a Pod whose node was lost is not ready, although the last report of the kubelet has ready containers', async () => {
    const conditions = [
      { type: 'Initialized', status: 'True' },
      { type: 'Ready', status: 'False', reason: 'NodeNotReady', lastTransitionTime: '2026-03-01T10:00:00Z' },
      { type: 'ContainersReady', status: 'True' },
    ];
    const { ready, readyReason, readyChangedAtMs, containersReady } = (await report(podWith({ conditions }))) ?? {};
    assert.deepEqual(
      [ready, readyReason, readyChangedAtMs, containersReady],
      [false, 'NodeNotReady', Date.UTC(2026, 2, 1, 10), true],
    );
  });

  test('the first container that cannot be started is reported, but not one that is about to start', async () => {
    const waiting = (name: string, reason: unknown) => ({ name, state: { waiting: { reason } } });
    const rows: readonly [unknown, unknown][] = [
      [[waiting('app', 'CrashLoopBackOff')], { container: 'app', reason: 'CrashLoopBackOff' }],
      [
        [waiting('app', 'ContainerCreating'), waiting('log', 'ImagePullBackOff')],
        { container: 'log', reason: 'ImagePullBackOff' },
      ],
      [[waiting('app', 'PodInitializing')], null],
      [[waiting('app', undefined), { name: 'log', state: { running: {} } }], null],
      [[{ state: { waiting: { reason: 'CrashLoopBackOff' } } }], null],
    ];
    for (const [containerStatuses, found] of rows) {
      assert.deepEqual((await report(podWith({ containerStatuses })))?.waiting, found);
    }
    const initContainerStatuses = [waiting('setup', 'ErrImagePull')];
    assert.deepEqual((await report(podWith({ initContainerStatuses })))?.waiting, {
      container: 'setup',
      reason: 'ErrImagePull',
    });
  });

  test('a condition that is Unknown is ignored', async () => {
    const conditions = [{ type: 'Ready', status: 'Unknown' }];
    assert.equal((await report(podWith({ conditions })))?.ready, null);
  });

  test('a deletionTimestamp without its grace period counts as the time of the request', async () => {
    for (const deletionGracePeriodSeconds of [undefined, '30']) {
      const metadata = { deletionTimestamp: '2026-03-01T10:00:00Z', deletionGracePeriodSeconds };
      const pod = await read(podWith({ phase: 'Running' }, {}, metadata));
      assert.deepEqual([pod.terminating, pod.report?.terminatingSinceMs], [true, Date.UTC(2026, 2, 1, 10)]);
    }
  });

  test('an invalid deletionTimestamp counts as a deletion, so that the Pod does not campaign', async () => {
    for (const deletionTimestamp of ['soon', 5, {}]) {
      assert.equal((await read(podWith({}, {}, { deletionTimestamp }))).terminating, true);
    }
    assert.equal((await read(podWith({}, {}, { deletionTimestamp: null }))).terminating, false);
  });

  test('a huge grace period does not make an invalid time', async () => {
    const metadata = { deletionTimestamp: '2026-03-01T10:00:00Z', deletionGracePeriodSeconds: 1e300 };
    const pod = await read(podWith({ phase: 'Running' }, {}, metadata));
    assert.equal(pod.report?.terminatingSinceMs, Date.UTC(2026, 2, 1, 10));
  });

  test('a grace period is a number from zero, and has no meaning without a deletionTimestamp', async () => {
    for (const [deletionGracePeriodSeconds, gracePeriodMs] of [
      [30, 30_000],
      [0, 0],
      [-1, null],
      ['30', null],
    ]) {
      const pod = await read(podWith({ phase: 'Running' }, {}, { deletionGracePeriodSeconds }));
      assert.deepEqual([pod.report?.gracePeriodMs, pod.report?.terminatingSinceMs], [gracePeriodMs, null]);
    }
  });

  test('an invalid field counts as left out', async () => {
    const odd = { phase: 7, reason: {}, conditions: 'none', containerStatuses: [null, 'x', 3] };
    const found = await report(podWith(odd, { nodeName: 1, containers: [null] }, { deletionTimestamp: 'soon' }));
    assert.ok(found !== undefined);
    const { containersTerminated, ...rest } = found;
    assert.deepEqual([containersTerminated, new Set(Object.values(rest))], [false, new Set([null])]);
  });

  test('a Pod without a status has no report, and a report keeps no part of the object', async () => {
    assert.equal(await report({ apiVersion: 'v1', kind: 'Pod', metadata: META }), undefined);
    const found = await report(failedWith({ containerStatuses: [{ name: 'main', ...TERMINATED }] }));
    for (const value of Object.values(found ?? {})) assert.equal(isObject(value) || Array.isArray(value), false);
  });
});

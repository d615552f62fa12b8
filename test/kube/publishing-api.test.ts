/**
 * Checks the requests of the publisher against the embedded API server: the preconditions of a PATCH, and Events that
 * an API server accepts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseEvent, PodMetadata, PublishingPort } from '../../src/driver/ports.ts';
import type { ApiTransport } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { publishingPort } from '../../src/kube/publishing-api.ts';
import { type ApiObject, ApiServer, EVENTS, PODS } from '../../src/testing/index.ts';
import { answerOf, httpRequestOf } from './in-process-api.ts';
import { failureOf, successOf } from './stub-server.ts';

const LABEL = 'app.example.com/leader';

const EVENT: LeaseEvent = {
  name: 'web.18f3a',
  type: 'Normal',
  reason: 'LeaderElection',
  message: 'web-0 became leader',
  wallMs: Date.UTC(2026, 2, 1, 10, 0, 0, 123),
  leaseUid: 'lease-uid',
  reporter: 'web-0',
};

class Scene {
  readonly server: ApiServer = new ApiServer();
  readonly requests: ApiRequest[] = [];
  readonly port: PublishingPort;

  constructor() {
    this.server.createNamespace('shop');
    this.#addPod();
    const client: Pick<ApiTransport, 'request'> = {
      request: async (request) => {
        this.requests.push(request);
        return answerOf(request, await this.server.handle(httpRequestOf(request, this.server.adminToken)));
      },
    };
    this.port = publishingPort(client as ApiTransport, 'shop', 'web');
  }

  #addPod(): void {
    const labels = { app: 'web' };
    this.server.createPod({ namespace: 'shop', name: 'web-0', serviceAccountName: 'web', labels });
  }

  async read(): Promise<PodMetadata> {
    const pod = successOf(await this.port.readPodMetadata('web-0'));
    assert.ok(pod);
    return pod;
  }

  stored(): ApiObject {
    const pod = this.server.store.get(PODS, 'shop', 'web-0');
    assert.ok(pod);
    return pod;
  }

  /** Deletes the Pod and creates another one of its name. */
  async replacePod(): Promise<void> {
    const request: ApiRequest = { verb: 'delete', apiGroup: '', resource: 'pods', namespace: 'shop', name: 'web-0' };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0 };
    await this.server.handle(httpRequestOf({ ...request, body }, this.server.adminToken));
    this.#addPod();
  }
}

test('a PATCH changes only the entries that it names, and removes those that are null', async () => {
  const scene = new Scene();
  const patch = { labels: { [LABEL]: 'true' }, annotations: { cost: '100' } };
  successOf(await scene.port.patchPodMetadata(await scene.read(), patch));
  const { labels, annotations } = await scene.read();
  assert.deepEqual([labels, annotations], [{ app: 'web', [LABEL]: 'true' }, { cost: '100' }]);
  const removal = { labels: { [LABEL]: null }, annotations: { cost: null } };
  successOf(await scene.port.patchPodMetadata(await scene.read(), removal));
  assert.deepEqual((await scene.read()).labels, { app: 'web' });
  assert.equal((await scene.read()).annotations['cost'], undefined);
});

test('a PATCH on top of an older version of the Pod is a conflict', async () => {
  const scene = new Scene();
  const before = await scene.read();
  successOf(await scene.port.patchPodMetadata(before, { labels: { one: '1' }, annotations: {} }));
  const late = await scene.port.patchPodMetadata(before, { labels: { two: '2' }, annotations: {} });
  assert.equal(failureOf(late).kind, 'conflict');
  assert.deepEqual(scene.stored().metadata.labels, { app: 'web', one: '1' });
});

test('a PATCH never reaches a later Pod of the same name', async () => {
  const scene = new Scene();
  const before = await scene.read();
  await scene.replacePod();
  // Even if the versions were equal, the uid alone must prevent the write.
  const { resourceVersion } = await scene.read();
  const late = await scene.port.patchPodMetadata(
    { ...before, resourceVersion },
    { labels: { [LABEL]: 'true' }, annotations: {} },
  );
  assert.equal(failureOf(late).kind, 'rejected');
  assert.deepEqual(scene.stored().metadata.labels, { app: 'web' });
});

test('a missing Pod is null, and an invalid name of a Pod causes no request', async () => {
  const scene = new Scene();
  assert.equal(successOf(await scene.port.readPodMetadata('web-9')), null);
  assert.equal(scene.requests.length, 1);
  assert.equal(failureOf(await scene.port.readPodMetadata('..')).kind, 'malformed');
  assert.equal(scene.requests.length, 1);
});

test('an Event is about the Lease, in the namespace of the Lease, and has the times of client-go', async () => {
  const scene = new Scene();
  successOf(await scene.port.createEvent(EVENT));
  const stored = scene.server.store.get(EVENTS, 'shop', EVENT.name) as unknown as Record<string, unknown>;
  const { involvedObject, reason, message, type, count, firstTimestamp, lastTimestamp, source } = stored;
  assert.deepEqual(involvedObject, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    namespace: 'shop',
    name: 'web',
    uid: 'lease-uid',
  });
  assert.deepEqual([reason, message, type, count], ['LeaderElection', 'web-0 became leader', 'Normal', 1]);
  assert.deepEqual([firstTimestamp, lastTimestamp], ['2026-03-01T10:00:00Z', '2026-03-01T10:00:00Z']);
  assert.deepEqual(source, { component: 'lease-elector' });
});

test('an Event is sent with its kind, and with times in whole seconds', async () => {
  const scene = new Scene();
  successOf(await scene.port.createEvent(EVENT));
  assert.deepEqual(scene.requests[0]?.body, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'web.18f3a', namespace: 'shop' },
    involvedObject: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      namespace: 'shop',
      name: 'web',
      uid: 'lease-uid',
    },
    type: 'Normal',
    reason: 'LeaderElection',
    message: 'web-0 became leader',
    count: 1,
    firstTimestamp: '2026-03-01T10:00:00Z',
    lastTimestamp: '2026-03-01T10:00:00Z',
    source: { component: 'lease-elector' },
    reportingComponent: 'lease-elector',
    reportingInstance: 'web-0',
  });
});

test('a second Event of the same name is alreadyExists', async () => {
  const scene = new Scene();
  successOf(await scene.port.createEvent(EVENT));
  assert.equal(failureOf(await scene.port.createEvent(EVENT)).kind, 'alreadyExists');
});

test('each of these requests has a separate connection', async () => {
  const scene = new Scene();
  await scene.port.patchPodMetadata(await scene.read(), { labels: {}, annotations: {} });
  await scene.port.createEvent(EVENT);
  assert.deepEqual(
    scene.requests.map(({ verb, apart }) => [verb, apart]),
    [
      ['get', true],
      ['patch', true],
      ['create', true],
    ],
  );
});

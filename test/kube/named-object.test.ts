/**
 * One read of a Pod by its name, and the Pods that are kept for a list of the application.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { ApiAnswer } from '../../src/kube/api-client.ts';
import { pathOf } from '../../src/kube/api-request.ts';
import { namespaceExists } from '../../src/kube/namespace-api.ts';
import { podPort, podWatchPort } from '../../src/kube/pod-api.ts';
import { scriptedTransport } from './scripted-transport.ts';

const FAILURE: RequestFailure = {
  kind: 'unavailable',
  message: 'no',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
};
const failed = (absent: boolean): ApiAnswer => ({ ok: false, failure: FAILURE, absent });

/** A Pod with a label of its own. */
const podNamed = (name: string, label: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '7', labels: { app: label } },
});

test('a Pod is read by its path', async () => {
  const { client, requests } = scriptedTransport(() => ({ ok: true, value: podNamed('web-0', 'web') }));
  const answer = await podPort(client, 'shop').read('web-0');
  assert.ok(answer.ok);
  assert.deepEqual([answer.value?.name, answer.value?.uid], ['web-0', 'uid-web-0']);
  assert.deepEqual(requests.map(pathOf), ['/api/v1/namespaces/shop/pods/web-0']);
});

test('a Pod is absent only when the answer proves it, and every other failure is passed on', async () => {
  assert.deepEqual(await podPort(scriptedTransport(() => failed(true)).client, 'shop').read('web-0'), {
    ok: true,
    value: null,
  });
  assert.deepEqual(await podPort(scriptedTransport(() => failed(false)).client, 'shop').read('web-0'), {
    ok: false,
    failure: FAILURE,
  });
});

test('a name that no Pod can have is not requested', async () => {
  const { client, requests } = scriptedTransport(() => failed(true));
  const answer = await podPort(client, 'shop').read('..');
  assert.ok(!answer.ok);
  assert.equal(answer.failure.message, 'get pods ".." in namespace "shop": no Pod can have that name');
  assert.deepEqual(requests, []);
});

test('an answer without a kind is no Pod', async () => {
  const { client } = scriptedTransport(() => ({ ok: true, value: { ...podNamed('web-0', 'web'), kind: undefined } }));
  const answer = await podPort(client, 'shop').read('web-0');
  assert.ok(!answer.ok);
  assert.match(
    answer.failure.message,
    /^get pods "web-0" in namespace "shop": the answer cannot be used: it has the kind none/,
  );
});

test('the labels of the two Pods that were read last are kept, each once', async () => {
  let label = 'first';
  const { client, requests } = scriptedTransport((request) =>
    request.verb === 'list' ? { ok: true, value: { items: [] } } : { ok: true, value: podNamed(request.name, label) },
  );
  const port = podPort(client, 'shop');
  const selectorOf = async (name: string): Promise<string | null> => {
    const before = requests.length;
    await port.listApplication?.({ name, uid: `uid-${name}` }, null);
    return requests[before]?.selection?.labelSelector ?? null;
  };
  await port.read('web-0');
  await port.read('web-1');
  label = 'second';
  await port.read('web-1');
  assert.deepEqual([await selectorOf('web-0'), await selectorOf('web-1')], ['app=first', 'app=second']);
  await port.read('web-2');
  assert.deepEqual([await selectorOf('web-0'), await selectorOf('web-2')], [null, 'app=second']);
});

test('the labels that were read before are kept when a Pod is absent or cannot be read', async () => {
  let answer: ApiAnswer = failed(true);
  const { client, requests } = scriptedTransport((request) =>
    request.verb === 'list' ? { ok: true, value: { items: [] } } : answer,
  );
  const port = podPort(client, 'shop');
  const listed = async (): Promise<number> => {
    const list = await port.listApplication?.({ name: 'web-0', uid: 'uid-web-0' }, null);
    assert.ok(list?.ok);
    return requests.filter(({ verb }) => verb === 'list').length;
  };
  for (const unread of [failed(true), failed(false)]) {
    answer = unread;
    await port.read('web-0');
    assert.equal(await listed(), 0);
  }
  answer = { ok: true, value: podNamed('web-0', 'web') };
  await port.read('web-0');
  for (const unread of [failed(true), failed(false)]) {
    answer = unread;
    await port.read('web-1');
  }
  assert.equal(await listed(), 1);
});

test('a Pod is listed by its name, and an item of the list may leave out its kind', async () => {
  const { kind: _kind, apiVersion: _version, ...item } = podNamed('web-0', 'web');
  const list = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '9' }, items: [item] };
  const { client, requests } = scriptedTransport(() => ({ ok: true, value: list }));
  const answer = await podWatchPort(client, 'shop', 'web-0').list();
  assert.ok(answer.ok);
  assert.deepEqual(
    answer.value.items.map(({ uid }) => uid),
    ['uid-web-0'],
  );
  assert.deepEqual(requests.map(pathOf), ['/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb-0']);
});

test('a namespace exists, does not exist, or is not shown', async () => {
  const { client, requests } = scriptedTransport(() => ({ ok: true, value: {} }));
  assert.equal(await namespaceExists(client, 'shop'), true);
  assert.deepEqual(requests.map(pathOf), ['/api/v1/namespaces/shop']);
  assert.equal(await namespaceExists(scriptedTransport(() => failed(true)).client, 'shop'), false);
  assert.equal(await namespaceExists(scriptedTransport(() => failed(false)).client, 'shop'), null);
});

/**
 * Checks how the bytes of a watch become events: lines that are cut anywhere, invalid lines, and every end of a stream.
 */

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { WatchEvent } from '../../src/core/watch.ts';
import type { WatchPort, WatchStream } from '../../src/driver/ports.ts';
import { LINE_LIMIT_BYTES } from '../../src/kube/watch-stream.ts';
import { until } from '../worlds/until.ts';
import { type Connected, connectInPod, failureOf, json, type Responder, statusBody, successOf } from './stub-server.ts';

const lease = (resourceVersion: string, holderIdentity = 'web-0', name = 'web'): Record<string, unknown> => ({
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { name, namespace: 'shop', uid: 'lease-uid', resourceVersion },
  spec: { holderIdentity },
});
const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
const BOOKMARK = line('BOOKMARK', { kind: 'Lease', metadata: { resourceVersion: '50' }, spec: {} });

const inNamespace = (namespace: string | undefined, object: Record<string, unknown>): Record<string, unknown> => ({
  ...object,
  metadata: { ...(object['metadata'] as object), namespace },
});

/** All calls of the sink, in order. */
interface Log {
  readonly calls: string[];
  readonly events: WatchEvent<LeaseRecord>[];
  end: RequestFailure | null | undefined;
}

interface Watching extends Connected {
  readonly watch: WatchPort<LeaseRecord>;
  readonly log: Log;
  readonly stream: WatchStream;
}

async function startWatch(t: TestContext, respond: Responder): Promise<Watching> {
  const connected = await connectInPod(t, respond);
  const watch = connected.cluster.ports({ namespace: 'shop', lease: 'web' }).leaseWatch;
  const log: Log = { calls: [], events: [], end: undefined };
  const stream = watch.open('41', 300, {
    opened: () => log.calls.push('opened'),
    event(event) {
      log.calls.push(event.type);
      log.events.push(event);
    },
    ended(failure) {
      log.calls.push('ended');
      log.end = failure;
    },
  });
  t.after(() => stream.close());
  return { ...connected, watch, log, stream };
}

/** Sends these chunks one by one, each in a separate packet, and then ends the stream cleanly. */
async function chunksOf(t: TestContext, chunks: readonly (string | Buffer)[]): Promise<Log> {
  const { log } = await startWatch(t, (_, response) => {
    void sendChunks(response, chunks);
  });
  await until(() => log.end !== undefined);
  return log;
}

async function sendChunks(response: ServerResponse, chunks: readonly (string | Buffer)[]): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json' });
  for (const chunk of chunks) await new Promise<void>((resolve) => response.write(chunk, () => resolve()));
  response.end();
}

test('a watch requests one name from a version, with bookmarks and a time-out', async (t) => {
  const { stub, log } = await startWatch(t, (_, response) => response.end());
  await until(() => log.end !== undefined);
  const url = new URL(stub.seen[0]?.path ?? '', 'https://stub');
  assert.equal(url.pathname, '/apis/coordination.k8s.io/v1/namespaces/shop/leases');
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    watch: 'true',
    allowWatchBookmarks: 'true',
    fieldSelector: 'metadata.name=web',
    resourceVersion: '41',
    timeoutSeconds: '300',
  });
  assert.deepEqual(log.calls, ['opened', 'ended']);
  assert.equal(log.end, null);
});

test('events come in their order, with their type and version', async (t) => {
  const log = await chunksOf(t, [
    line('ADDED', lease('42')),
    line('MODIFIED', lease('43')),
    BOOKMARK,
    line('DELETED', lease('51')),
  ]);
  assert.deepEqual(log.calls, ['opened', 'added', 'modified', 'bookmark', 'deleted', 'ended']);
  assert.deepEqual(
    log.events.map((event) =>
      event.type === 'bookmark' ? event.resourceVersion : 'item' in event && event.item.resourceVersion,
    ),
    ['42', '43', '50', '51'],
  );
  assert.equal(log.end, null);
});

test('several events in one chunk are several events', async (t) => {
  const log = await chunksOf(t, [line('ADDED', lease('42')) + line('MODIFIED', lease('43')) + BOOKMARK]);
  assert.deepEqual(log.calls, ['opened', 'added', 'modified', 'bookmark', 'ended']);
});

test('an event can be split at every byte, even inside a character', async (t) => {
  const bytes = Buffer.from(line('ADDED', lease('42', 'blåbærsyltetøy-🫐')) + BOOKMARK);
  const log = await chunksOf(
    t,
    Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)),
  );
  assert.deepEqual(log.calls, ['opened', 'added', 'bookmark', 'ended']);
  const [first] = log.events;
  assert.equal(first?.type === 'added' && first.item.holderIdentity, 'blåbærsyltetøy-🫐');
});

test('two events are two events when the first newline begins a chunk', async (t) => {
  const [first, second] = [line('ADDED', lease('42')), line('DELETED', lease('43'))];
  const { calls } = await chunksOf(t, [first.trimEnd(), `\n${second}`]);
  assert.deepEqual(calls, ['opened', 'added', 'deleted', 'ended']);
});

test('empty lines and carriage returns are ignored', async (t) => {
  const log = await chunksOf(t, ['\n\r\n', BOOKMARK.replace('\n', '\r\n')]);
  assert.deepEqual(log.calls, ['opened', 'bookmark', 'ended']);
  assert.equal(log.end, null);
});

test('the last event is read without its newline', async (t) => {
  const log = await chunksOf(t, [BOOKMARK.trim()]);
  assert.deepEqual(log.calls, ['opened', 'bookmark', 'ended']);
  assert.equal(log.end, null);
});

test('half a last line counts as a broken connection, not as an event or a malformed answer', async (t) => {
  const log = await chunksOf(t, [BOOKMARK, line('DELETED', lease('51')).slice(0, 60)]);
  assert.deepEqual(log.calls, ['opened', 'bookmark', 'ended']);
  assert.equal(log.end?.kind, 'unavailable');
});

const MALFORMED: readonly { rule: string; text: string }[] = [
  { rule: 'a line that is not JSON', text: '{"type":"ADDED",\n' },
  { rule: 'a line that is not an object', text: '42\n' },
  { rule: 'an event of an unknown type', text: line('RENAMED', lease('42')) },
  { rule: 'an event without an object', text: '{"type":"DELETED"}\n' },
  { rule: 'an event of another kind of object', text: line('DELETED', { ...lease('42'), kind: 'Pod' }) },
  { rule: 'an object without a uid', text: line('ADDED', { metadata: { name: 'web', resourceVersion: '42' } }) },
  { rule: 'a bookmark without a version', text: line('BOOKMARK', { metadata: {} }) },
  { rule: 'a bookmark of another kind', text: line('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '50' } }) },
  { rule: 'an object without its kind', text: line('DELETED', { ...lease('42'), kind: undefined }) },
  { rule: 'an object of another API', text: line('DELETED', { ...lease('42'), apiVersion: 'example.com/v1' }) },
  { rule: 'an object of another namespace', text: line('DELETED', inNamespace('bank', lease('42'))) },
  { rule: 'another object of another namespace', text: line('DELETED', inNamespace('bank', lease('42', 'x', 'api'))) },
  { rule: 'an object without its namespace', text: line('ADDED', inNamespace(undefined, lease('42'))) },
];
for (const { rule, text } of MALFORMED) {
  test(`${rule} ends the stream as malformed, and the rest is not read`, async (t) => {
    const log = await chunksOf(t, [line('ADDED', lease('42')) + text + BOOKMARK]);
    assert.deepEqual(log.calls, ['opened', 'added', 'ended']);
    assert.equal(log.end?.kind, 'malformed');
  });
}

test('an oversized line ends the stream as malformed before it is complete', async (t) => {
  const { log } = await startWatch(t, (_, response) => {
    response.writeHead(200);
    response.write(line('ADDED', lease('42')));
    // The stream stays open without a newline.
    response.write(`{"type":"MODIFIED","object":"${'x'.repeat(LINE_LIMIT_BYTES)}`);
  });
  await until(() => log.end !== undefined);
  assert.deepEqual(log.calls, ['opened', 'added', 'ended']);
  assert.equal(log.end?.kind, 'malformed');
  assert.match(log.end?.message ?? '', /longer than 1048576 bytes/);
});

test('a line of exactly the limit is read', async (t) => {
  const empty = line('ADDED', lease('42', '')).length - 1;
  const log = await chunksOf(t, [line('ADDED', lease('42', 'x'.repeat(LINE_LIMIT_BYTES - empty)))]);
  assert.deepEqual(log.calls, ['opened', 'added', 'ended']);
  assert.equal(log.end, null);
});

test('an ERROR event has the kind of its code', async (t) => {
  const log = await chunksOf(t, [
    line('ERROR', statusBody(410, 'Expired', 'too old resource version: 1 (41)')),
    line('ERROR', statusBody(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 2 })),
    line('ERROR', statusBody(504, 'Timeout', 'Too large resource version', { retryAfterSeconds: 1 })),
    line('ERROR', statusBody(500, 'InternalError', 'etcd')),
  ]);
  assert.deepEqual(
    log.events.map((event) => event.type === 'error' && [event.failure.kind, event.failure.retryAfterMs]),
    [
      ['expired', null],
      ['throttled', 2_000],
      ['unavailable', 1_000],
      ['unavailable', null],
    ],
  );
});

test('events of other names are ignored', async (t) => {
  const log = await chunksOf(t, [line('DELETED', lease('42', 'api-0', 'api')), line('ADDED', lease('43'))]);
  assert.deepEqual(log.calls, ['opened', 'added', 'ended']);
});

test('a connection that is cut in the middle is unavailable', async (t) => {
  const { log } = await startWatch(t, (request, response) => {
    response.writeHead(200);
    response.write(BOOKMARK, () => request.socket.destroy());
  });
  await until(() => log.end !== undefined);
  assert.deepEqual(log.calls, ['opened', 'bookmark', 'ended']);
  assert.equal(log.end?.kind, 'unavailable');
});

test('a stream without a head is unavailable after the request time-out', async (t) => {
  const { stub, log, clock } = await startWatch(t, () => {});
  await until(() => stub.seen.length === 1);
  clock.advance(5_000);
  assert.deepEqual(log.calls, ['ended']);
  assert.equal(log.end?.kind, 'unavailable');
});

test('an open stream has no time-out, because the core decides about silence', async (t) => {
  const { log, clock } = await startWatch(t, (_, response) => response.writeHead(200).flushHeaders());
  await until(() => log.calls.length === 1);
  assert.equal(clock.timers.size, 0);
  clock.advance(3_600_000);
  assert.deepEqual(log.calls, ['opened']);
});

test('a refusal instead of a stream names the missing rule', async (t) => {
  const { log } = await startWatch(t, (_, response) => json(response, 403, statusBody(403, 'Forbidden', 'no')));
  await until(() => log.end !== undefined);
  assert.deepEqual(log.calls, ['ended']);
  assert.equal(log.end?.kind, 'forbidden');
  assert.equal(log.end?.missingRule?.verb, 'watch');
});

test('a 410 instead of a stream is expired, and a 401 is retried once', async (t) => {
  const { stub, log } = await startWatch(t, (_, response) => json(response, 410, statusBody(410, 'Expired', 'old')));
  await until(() => log.end !== undefined);
  assert.equal(log.end?.kind, 'expired');
  assert.equal(stub.seen.length, 1);
  const again = await startWatch(t, (_, response) => json(response, 401, statusBody(401, 'Unauthorized', '')));
  await until(() => again.log.end !== undefined);
  assert.equal(again.log.end?.kind, 'unauthorized');
  assert.equal(again.stub.seen.length, 2);
});

test('a closed stream sends nothing more, and its connection ends', async (t) => {
  const { stub, log, stream } = await startWatch(t, (_, response) => {
    response.writeHead(200);
    response.write(BOOKMARK);
  });
  await until(() => log.events.length === 1);
  stream.close();
  await until(() => stub.seen[0]?.socket.destroyed === true);
  assert.deepEqual(log.calls, ['opened', 'bookmark']);
});

test('a stream that is closed before it was sent is never sent', async (t) => {
  const { stub, log, stream, watch } = await startWatch(t, (_, response) => json(response, 200, {}));
  stream.close();
  // The next request is answered, so the closed one had enough time.
  await watch.list();
  assert.deepEqual(log.calls, []);
  assert.deepEqual(
    stub.seen.map((request) => request.path.includes('watch=true')),
    [false],
  );
});

test('a stream sends nothing more when its own event closes it, even from the same chunk', async (t) => {
  const { cluster } = await connectInPod(t, (_, response) => response.end(BOOKMARK + BOOKMARK + BOOKMARK));
  const calls: string[] = [];
  const stream = cluster.ports({ namespace: 'shop', lease: 'web' }).leaseWatch.open('1', 1, {
    opened: () => calls.push('opened'),
    event() {
      calls.push('event');
      stream.close();
    },
    ended: () => calls.push('ended'),
  });
  await until(() => calls.includes('event'));
  await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read();
  assert.deepEqual(calls, ['opened', 'event']);
});

test('a list is consistent, and finds the one object of that name', async (t) => {
  const { stub, cluster } = await connectInPod(t, (_, response) =>
    json(response, 200, {
      kind: 'LeaseList',
      metadata: { resourceVersion: '60' },
      // A server that ignores field selectors does this.
      items: [lease('42', 'api-0', 'api'), { metadata: lease('43')['metadata'], spec: {} }],
    }),
  );
  const list = successOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).leaseWatch.list());
  assert.equal(list.resourceVersion, '60');
  assert.deepEqual(
    list.items.map((item) => item.resourceVersion),
    ['43'],
  );
  assert.equal(
    stub.seen[0]?.path,
    '/apis/coordination.k8s.io/v1/namespaces/shop/leases?fieldSelector=metadata.name%3Dweb',
  );
});

test('an answer that is not a list is malformed, and never an empty list', async (t) => {
  const { stub, cluster } = await connectInPod(t, () => {});
  const { leaseWatch } = cluster.ports({ namespace: 'shop', lease: 'web' });
  for (const body of [
    {},
    { kind: 'PodList', metadata: { resourceVersion: '1' }, items: [] },
    { kind: 'LeaseList', items: [] },
    { kind: 'LeaseList', metadata: { resourceVersion: '1' }, items: {} },
    { kind: 'LeaseList', metadata: { resourceVersion: '1' }, items: [{}] },
    { kind: 'LeaseList', metadata: { resourceVersion: '1' }, items: [null] },
    { kind: 'LeaseList', metadata: { resourceVersion: '1' } },
    { kind: 'LeaseList', metadata: null, items: [] },
    { kind: 'LeaseList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] },
    { kind: 'LeaseList', metadata: { resourceVersion: '1' }, items: [inNamespace('bank', lease('42'))] },
    { kind: 'LeaseList', metadata: { resourceVersion: '1' }, items: [inNamespace('bank', lease('42', 'x', 'api'))] },
    { kind: 'LeaseList', metadata: { resourceVersion: '1', continue: 'page-2' }, items: [lease('42', 'x', 'api')] },
  ]) {
    stub.respond = (_, response) => json(response, 200, body);
    assert.equal(failureOf(await leaseWatch.list()).kind, 'malformed', JSON.stringify(body));
  }
});

test('a list that is null, as Go writes it, is empty', async (t) => {
  const body = { kind: 'LeaseList', metadata: { resourceVersion: '7', continue: '' }, items: null };
  const { cluster } = await connectInPod(t, (_, response) => json(response, 200, body));
  const { leaseWatch } = cluster.ports({ namespace: 'shop', lease: 'web' });
  assert.deepEqual(successOf(await leaseWatch.list()), { items: [], resourceVersion: '7' });
});

test('a list of Pods has the version of the core group', async (t) => {
  const { stub, cluster } = await connectInPod(t, () => {});
  const { list } = cluster.ports({ namespace: 'shop', lease: 'web' }).podWatch('web-0');
  const kinds: string[] = [];
  for (const apiVersion of ['v1', '/v1', 'apps/v1']) {
    const body = { kind: 'PodList', apiVersion, metadata: { resourceVersion: '7' }, items: [] };
    stub.respond = (_, response) => json(response, 200, body);
    const answer = await list();
    kinds.push(answer.ok ? 'read' : answer.failure.kind);
  }
  assert.deepEqual(kinds, ['read', 'malformed', 'malformed']);
});

test('a Pod is watched like a Lease', async (t) => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-0',
      namespace: 'shop',
      uid: 'u',
      resourceVersion: '7',
      deletionTimestamp: '2026-03-01T10:00:00Z',
    },
  };
  const { stub, cluster } = await connectInPod(t, (_, response) => response.end(line('MODIFIED', pod)));
  const events: WatchEvent<unknown>[] = [];
  await new Promise<void>((resolve) => {
    cluster
      .ports({ namespace: 'shop', lease: 'web' })
      .podWatch('web-0')
      .open('1', 300, { opened() {}, event: (event) => events.push(event), ended: () => resolve() });
  });
  assert.match(stub.seen[0]?.path ?? '', /^\/api\/v1\/namespaces\/shop\/pods\?watch=true.*metadata\.name%3Dweb-0/);
  assert.deepEqual(events, [
    { type: 'modified', item: { name: 'web-0', uid: 'u', resourceVersion: '7', terminating: true, labels: {} } },
  ]);
});

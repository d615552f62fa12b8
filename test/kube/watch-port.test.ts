/**
 * What a list and a stream of bytes mean, without a connection: each malformed answer has its own message, because a
 * person must find the proxy or the server that sends it.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseRecord } from '../../src/core/lease-record.ts';
import type { RequestFailure } from '../../src/core/request-failure.ts';
import type { ApiAnswer, ApiTransport, ByteSink } from '../../src/kube/api-client.ts';
import type { ApiRequest } from '../../src/kube/api-request.ts';
import { leaseWatchPort } from '../../src/kube/lease-api.ts';
import { type WatchedObject, watchPort } from '../../src/kube/watch-stream.ts';
import { scriptedTransport } from './scripted-transport.ts';

const LEASE = {
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { name: 'web', namespace: 'shop', uid: 'lease-uid', resourceVersion: '42' },
  spec: { holderIdentity: 'web-0' },
};
const LIST = {
  kind: 'LeaseList',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { resourceVersion: '41' },
  items: [LEASE],
};

const REFUSED: RequestFailure = {
  kind: 'forbidden',
  message: 'no',
  retryAfterMs: null,
  missingRule: null,
  cause: null,
};

/** The port of a Lease whose list has this answer. */
const listing = (answer: ApiAnswer) => leaseWatchPort(scriptedTransport(() => answer).client, 'shop', 'web');

const LISTS: Readonly<Record<string, readonly [list: unknown, problem: string | null]>> = {
  'a list': [LIST, null],
  'a list without an apiVersion': [{ ...LIST, apiVersion: undefined }, null],
  'a list of another version': [
    { ...LIST, apiVersion: 'coordination.k8s.io/v1beta1' },
    'the answer is not a LeaseList',
  ],
  'a list of the core group': [{ ...LIST, apiVersion: 'v1' }, 'the answer is not a LeaseList'],
  'a list of another kind': [{ ...LIST, kind: 'PodList' }, 'the answer is not a LeaseList'],
  'no object': ['LeaseList', 'the answer is not a LeaseList'],
  'no metadata': [{ ...LIST, metadata: null }, 'the LeaseList has no resourceVersion or no items'],
  'a version that is a number': [
    { ...LIST, metadata: { resourceVersion: 41 } },
    'the LeaseList has no resourceVersion or no items',
  ],
  'a version with a letter before': [
    { ...LIST, metadata: { resourceVersion: 'v41' } },
    'the LeaseList has no resourceVersion or no items',
  ],
  'a version with a letter behind': [
    { ...LIST, metadata: { resourceVersion: '41v' } },
    'the LeaseList has no resourceVersion or no items',
  ],
  'no items': [{ ...LIST, items: undefined }, 'the LeaseList has no resourceVersion or no items'],
  'an item without a uid': [
    { ...LIST, items: [{ ...LEASE, metadata: { ...LEASE.metadata, uid: '' } }] },
    'an item of the LeaseList cannot be used: it has no usable uid ("")',
  ],
  'another page': [
    { ...LIST, items: [], metadata: { resourceVersion: '41', continue: 'next' } },
    'the LeaseList is one page of several, although no page was requested',
  ],
  'an empty token for another page': [{ ...LIST, items: [], metadata: { resourceVersion: '41', continue: '' } }, null],
  'another page beside the Lease': [{ ...LIST, metadata: { resourceVersion: '41', continue: 'next' } }, null],
};

for (const [what, [list, problem]] of Object.entries(LISTS)) {
  test(`a list answer with ${what} is ${problem === null ? 'read' : 'malformed'}`, async () => {
    const answer = await listing({ ok: true, value: list }).list();
    if (problem === null) {
      assert.ok(answer.ok, answer.ok ? '' : answer.failure.message);
      assert.equal(answer.value.resourceVersion, '41');
    } else {
      assert.ok(!answer.ok);
      assert.equal(answer.failure.kind, 'malformed');
      assert.equal(answer.failure.message, `list leases.coordination.k8s.io "web" in namespace "shop": ${problem}`);
    }
  });
}

test('a list that fails is reported with its failure', async () => {
  const answer = await listing({ ok: false, failure: REFUSED, absent: false }).list();
  assert.deepEqual(answer, { ok: false, failure: REFUSED });
});

test('a list and a watch by label request the label, and not a name', async () => {
  const requests: ApiRequest[] = [];
  const client = {
    request: async (request: ApiRequest) => {
      requests.push(request);
      return { ok: true, value: { kind: 'PodList', metadata: { resourceVersion: '1' }, items: [] } };
    },
    stream: (request: ApiRequest) => {
      requests.push(request);
      return { close: () => undefined };
    },
  } as unknown as ApiTransport;
  const watched: WatchedObject<never> = {
    client,
    apiGroup: '',
    resource: 'pods',
    listKind: 'PodList',
    namespace: 'shop',
    name: '',
    labelSelector: 'app=web',
    read: () => ({ ok: false, problem: 'is another', isAnother: true }),
  };
  const port = watchPort(watched);
  assert.ok((await port.list()).ok, 'the apiVersion of the core group is v1');
  port.open('1', 300, { opened: () => undefined, event: () => undefined, ended: () => undefined });
  assert.deepEqual(
    requests.map(({ verb, name, selection }) => [verb, name, selection]),
    [
      ['list', '', { labelSelector: 'app=web' }],
      ['watch', '', { labelSelector: 'app=web' }],
    ],
  );
});

interface Stream {
  readonly bytes: ByteSink;
  readonly log: string[];
  readonly closings: () => number;
}

/** An open watch of the Lease, with everything that its sink received. */
function stream(): Stream {
  const log: string[] = [];
  let bytes: ByteSink | undefined;
  let closings = 0;
  const client = {
    stream: (_: ApiRequest, sink: ByteSink) => {
      bytes = sink;
      return { close: () => (closings += 1) };
    },
    conceal: (text: string) => text.replaceAll('secret', '***'),
  } as unknown as ApiTransport;
  leaseWatchPort(client, 'shop', 'web').open('41', 300, {
    opened: () => log.push('opened'),
    event: (event) => log.push('item' in event ? `${event.type} ${versionOf(event.item)}` : event.type),
    ended: (failure) => log.push(failure === null ? 'ended' : `${failure.kind}: ${failure.message}`),
  });
  assert.ok(bytes !== undefined);
  return { bytes, log, closings: () => closings };
}

function versionOf({ resourceVersion }: LeaseRecord): string {
  return resourceVersion;
}

const WATCH = 'watch leases.coordination.k8s.io "web" in namespace "shop"';
const bookmark = (object: unknown): unknown => ({ type: 'BOOKMARK', object });

const LINES: Readonly<Record<string, readonly [line: unknown, expected: string]>> = {
  'no event': [[1], 'malformed: a line of the watch is not an event'],
  'an event of an unknown type': [{ type: 'secret' }, 'malformed: an event has the unknown type "***"'],
  'an event without a type': [{ object: LEASE }, 'malformed: an event has no type'],
  'a Lease without a uid': [
    { type: 'ADDED', object: { ...LEASE, metadata: { ...LEASE.metadata, uid: null } } },
    'malformed: the object of an event ADDED cannot be used: it has no usable uid (none)',
  ],
  'a Lease without a kind': [
    { type: 'ADDED', object: { ...LEASE, kind: undefined } },
    'malformed: the object of an event ADDED cannot be used: it has the kind none, not "Lease". Check the proxies between this process and the API server: one of them may mix up answers',
  ],
  'a bookmark': [bookmark({ kind: 'Lease', metadata: { resourceVersion: '50' } }), 'bookmark'],
  'a bookmark without a kind': [bookmark({ metadata: { resourceVersion: '50' } }), 'bookmark'],
  'a bookmark of a Pod': [
    bookmark({ kind: 'Pod', metadata: { resourceVersion: '50' } }),
    'malformed: a bookmark is of another kind than LeaseList',
  ],
  'a bookmark whose version is a number': [
    bookmark({ kind: 'Lease', metadata: { resourceVersion: 50 } }),
    'malformed: a bookmark has no resourceVersion',
  ],
  'a bookmark whose version begins with a letter': [
    bookmark({ kind: 'Lease', metadata: { resourceVersion: 'v50' } }),
    'malformed: a bookmark has no resourceVersion',
  ],
  'a bookmark whose version ends with a letter': [
    bookmark({ kind: 'Lease', metadata: { resourceVersion: '50v' } }),
    'malformed: a bookmark has no resourceVersion',
  ],
};

for (const [what, [line, expected]] of Object.entries(LINES)) {
  test(`a line with ${what} is reported as ${expected.split(':')[0]}`, () => {
    const { bytes, log, closings } = stream();
    bytes.bytes(Buffer.from(`${JSON.stringify(line)}\n`));
    const isMalformed = expected.startsWith('malformed');
    assert.deepEqual(log, [expected.replace('malformed: ', `malformed: ${WATCH}: `)]);
    assert.equal(closings(), isMalformed ? 1 : 0);
  });
}

test('a line that is no JSON is reported with the problem of its text', () => {
  const { bytes, log } = stream();
  bytes.bytes(Buffer.from('<html>\n'));
  assert.match(log[0] ?? '', /^malformed: watch .*: a line of the watch is not JSON/);
});

test('a malformed line ends the stream once, and later bytes and its end are ignored', () => {
  const { bytes, log, closings } = stream();
  bytes.bytes(Buffer.from('[]\n[]\n'));
  bytes.bytes(Buffer.from(`${JSON.stringify({ type: 'ADDED', object: LEASE })}\n`));
  bytes.ended(null);
  assert.equal(log.length, 1, `the log is ${log}`);
  assert.equal(closings(), 1);
});

test('a stream that ends in the middle of a line is reported as unavailable', () => {
  const { bytes, log } = stream();
  bytes.bytes(Buffer.from('{"type":"ADD'));
  bytes.ended(null);
  assert.match(log[0] ?? '', /^unavailable: watch .*the stream ended in the middle of a line/);
});

test('a stream that fails is reported with its failure, and its last line is no event', () => {
  const { bytes, log } = stream();
  bytes.bytes(Buffer.from(JSON.stringify({ type: 'ADDED', object: LEASE })));
  bytes.ended(REFUSED);
  assert.deepEqual(log, ['forbidden: no']);
});

test('spaces after the last line are no part of an event', () => {
  const { bytes, log } = stream();
  bytes.bytes(Buffer.from(`${JSON.stringify({ type: 'ADDED', object: LEASE })}\n  `));
  bytes.ended(null);
  assert.deepEqual(log, ['added 42', 'ended']);
});

test('a line can begin in one chunk and end with the newline that begins the next chunk', () => {
  const { bytes, log } = stream();
  bytes.bytes(Buffer.from(JSON.stringify({ type: 'ADDED', object: LEASE })));
  bytes.bytes(Buffer.from('\n'));
  assert.deepEqual(log, ['added 42']);
});

/**
 * Checks the requests about the Lease on the wire, and the meaning of every kind of answer.
 */

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LeaseContent, LeaseRecord } from '../../src/core/lease-record.ts';
import { ANSWER_LIMIT_BYTES } from '../../src/kube/api-client.ts';
import type { ClusterPorts } from '../../src/kube/connect.ts';
import { freePort } from '../worlds/free-port.ts';
import { until } from '../worlds/until.ts';
import { OTHER_CA } from './other-authority.ts';
import { type Connected, connectInPod, failureOf, json, type Responder, statusBody, successOf } from './stub-server.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';

const CONTENT: LeaseContent = {
  holderIdentity: 'web-0',
  owner: { name: 'web-0', uid: 'pod-uid' },
  acquireTimeMs: 1_772_359_200_000,
  renewTimeMs: null,
  leaseDurationSeconds: null,
  leaseTransitions: 0,
  releasedBy: null,
};

const LEASE = {
  kind: 'Lease',
  apiVersion: 'coordination.k8s.io/v1',
  metadata: { name: 'web', namespace: 'shop', uid: 'lease-uid', resourceVersion: '41', labels: { team: 'a' } },
  spec: { holderIdentity: 'web-0' },
};

/** The Lease before it is replaced. */
const BEFORE: LeaseRecord = {
  ...CONTENT,
  uid: 'lease-uid',
  resourceVersion: '1',
  terminating: false,
  finalizers: [],
  source: LEASE,
};

interface Setting extends Connected {
  readonly ports: ClusterPorts;
}

async function connect(
  t: TestContext,
  respond: Responder,
  files: Parameters<typeof connectInPod>[2] = {},
): Promise<Setting> {
  const connected = await connectInPod(t, respond, files);
  return { ...connected, ports: connected.cluster.ports({ namespace: 'shop', lease: 'web' }) };
}

test('a read is a consistent GET of the Lease with the token of the service account', async (t) => {
  const { stub, ports } = await connect(t, (_, response) => json(response, 200, LEASE));
  const lease = successOf(await ports.lease.read());
  assert.equal(lease?.uid, 'lease-uid');
  assert.equal(lease?.resourceVersion, '41');
  const [request] = stub.seen;
  assert.equal(request?.method, 'GET');
  assert.equal(request?.path, `${PATH}/web`);
  assert.equal(request?.headers['authorization'], 'Bearer first-token');
  assert.equal(request?.headers['accept-encoding'], undefined);
});

test('a create sends the owner, the label and a MicroTime of six digits', async (t) => {
  const { stub, ports } = await connect(t, (_, response) => json(response, 201, LEASE));
  successOf(await ports.lease.create(CONTENT));
  assert.equal(stub.seen[0]?.method, 'POST');
  assert.equal(stub.seen[0]?.path, PATH);
  assert.deepEqual(stub.seen[0]?.body, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: 'web',
      namespace: 'shop',
      labels: { 'app.kubernetes.io/managed-by': 'lease-elector' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'pod-uid' }],
    },
    spec: { holderIdentity: 'web-0', acquireTime: '2026-03-01T10:00:00.000000Z', leaseTransitions: 0 },
  });
});

test('a replace carries uid and resourceVersion, without which a PUT creates (wire fact 4)', async (t) => {
  const { stub, ports } = await connect(t, (_, response) => json(response, 200, LEASE));
  const lease = successOf(await ports.lease.read()) as LeaseRecord;
  successOf(await ports.lease.replace(lease, CONTENT));
  assert.equal(stub.seen[1]?.method, 'PUT');
  assert.equal(stub.seen[1]?.path, `${PATH}/web`);
  const { metadata } = (stub.seen[1]?.body ?? {}) as { metadata: Record<string, unknown> };
  assert.equal(metadata['uid'], 'lease-uid');
  assert.equal(metadata['resourceVersion'], '41');
  assert.deepEqual(metadata['labels'], { team: 'a', 'app.kubernetes.io/managed-by': 'lease-elector' });
});

test('a delete carries both preconditions in its body', async (t) => {
  const { stub, ports } = await connect(t, (_, response) => json(response, 200, { kind: 'Status', status: 'Success' }));
  assert.equal(successOf(await ports.lease.delete({ uid: 'u', resourceVersion: '7' })), null);
  assert.equal(stub.seen[0]?.method, 'DELETE');
  assert.equal(stub.seen[0]?.path, `${PATH}/web`);
  assert.deepEqual(stub.seen[0]?.body, {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid: 'u', resourceVersion: '7' },
  });
});

test('only a 404 of the API server about this object proves that it is absent', async (t) => {
  const details = { name: 'web', kind: 'leases', group: 'coordination.k8s.io' };
  const rows: { name: string; respond: Responder; absent: boolean }[] = [
    {
      name: 'its Status',
      respond: (_, response) => json(response, 404, statusBody(404, 'NotFound', 'leases "web" not found', details)),
      absent: true,
    },
    {
      name: 'a 404 of a proxy',
      respond: (_, response) => response.writeHead(404).end('404 page not found'),
      absent: false,
    },
    {
      name: 'a missing namespace',
      respond: (_, response) =>
        json(
          response,
          404,
          statusBody(404, 'NotFound', 'namespaces "shop" not found', { name: 'shop', kind: 'namespaces' }),
        ),
      absent: false,
    },
    {
      name: 'another object of that name',
      respond: (_, response) => json(response, 404, statusBody(404, 'NotFound', '', { ...details, kind: 'pods' })),
      absent: false,
    },
    {
      name: 'a Status without details',
      respond: (_, response) => json(response, 404, statusBody(404, 'NotFound', 'not found')),
      absent: false,
    },
  ];
  const { stub, ports } = await connect(t, () => {});
  for (const row of rows) {
    stub.respond = row.respond;
    const read = await ports.lease.read();
    const deleted = await ports.lease.delete({ uid: 'u', resourceVersion: '7' });
    if (row.absent) {
      assert.equal(successOf(read), null, row.name);
      assert.equal(successOf(deleted), null, row.name);
    } else {
      assert.equal(failureOf(read).kind, 'notFound', row.name);
      assert.equal(failureOf(deleted).kind, 'notFound', row.name);
    }
  }
});

test('the token is read again, and the request sent once more, after a 401', async (t) => {
  const { stub, ports, directory } = await connect(t, (request, response) => {
    if (request.headers['authorization'] === 'Bearer second-token') json(response, 200, LEASE);
    else {
      writeFileSync(join(directory, 'token'), 'second-token');
      json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized'));
    }
  });
  assert.equal(successOf(await ports.lease.read())?.uid, 'lease-uid');
  assert.deepEqual(
    stub.seen.map((request) => request.headers['authorization']),
    ['Bearer first-token', 'Bearer second-token'],
  );
});

test('a repeated 401 is the failure unauthorized, after exactly two requests', async (t) => {
  const { stub, ports, clock } = await connect(t, (_, response) =>
    json(response, 401, statusBody(401, 'Unauthorized', 'Unauthorized')),
  );
  assert.equal(failureOf(await ports.lease.read()).kind, 'unauthorized');
  assert.equal(stub.seen.length, 2);
  assert.equal(clock.timers.size, 0);
});

test('a 401 whose body never ends is ended by the time-out, and its connection is freed', async (t) => {
  const { stub, ports, clock } = await connect(t, (_, response) => response.writeHead(401).write('{'));
  let heads = 0;
  const count = (): void => {
    heads += 1;
  };
  subscribe('http.client.response.finish', count);
  t.after(() => unsubscribe('http.client.response.finish', count));
  const reading = ports.lease.read();
  await until(() => heads === 1);
  const [refused] = stub.seen;
  clock.advance(5_000);
  assert.equal(failureOf(await reading).kind, 'unavailable');
  stub.respond = (_, response) => json(response, 200, LEASE);
  assert.equal(successOf(await ports.lease.read())?.uid, 'lease-uid');
  assert.notEqual(stub.seen.at(-1)?.socket, refused?.socket);
});

test('a token that the kubelet replaced is used without any 401', async (t) => {
  const { stub, ports, directory, clock } = await connect(t, (_, response) => json(response, 200, LEASE));
  await ports.lease.read();
  writeFileSync(join(directory, 'token'), 'another-token-of-another-length');
  await ports.lease.read();
  clock.advance(1_000);
  await ports.lease.read();
  assert.deepEqual(
    stub.seen.map((request) => request.headers['authorization']),
    ['Bearer first-token', 'Bearer first-token', 'Bearer another-token-of-another-length'],
  );
});

test('the last token stays in use when its file is gone', async (t) => {
  const { ports, directory, clock } = await connect(t, (_, response) => json(response, 200, LEASE));
  writeFileSync(join(directory, 'token'), '');
  clock.advance(2_000);
  assert.equal(successOf(await ports.lease.read())?.uid, 'lease-uid');
});

test('a 403 names the rule to grant', async (t) => {
  const message =
    'leases.coordination.k8s.io "web" is forbidden: User "system:serviceaccount:shop:web" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "shop"';
  const { ports } = await connect(t, (_, response) => json(response, 403, statusBody(403, 'Forbidden', message)));
  const failure = failureOf(await ports.lease.replace(BEFORE, CONTENT));
  assert.equal(failure.kind, 'forbidden');
  assert.deepEqual(failure.missingRule, {
    verb: 'update',
    apiGroup: 'coordination.k8s.io',
    resource: 'leases',
    namespace: 'shop',
  });
  assert.match(failure.message, /Grant `update` on leases\.coordination\.k8s\.io in namespace "shop"/);
});

test('only the reason tells 409 AlreadyExists and Conflict apart', async (t) => {
  const { stub, ports } = await connect(t, (_, response) =>
    json(response, 409, statusBody(409, 'AlreadyExists', 'leases.coordination.k8s.io "web" already exists')),
  );
  assert.equal(failureOf(await ports.lease.create(CONTENT)).kind, 'alreadyExists');
  stub.respond = (_, response) => json(response, 409, statusBody(409, 'Conflict', 'the object has been modified'));
  assert.equal(failureOf(await ports.lease.create(CONTENT)).kind, 'conflict');
});

test('Retry-After is passed on, from the header or from the Status', async (t) => {
  const { stub, ports } = await connect(t, (_, response) =>
    response.writeHead(429, { 'retry-after': '3' }).end('Too many requests'),
  );
  const throttled = failureOf(await ports.lease.read());
  assert.equal(throttled.kind, 'throttled');
  assert.equal(throttled.retryAfterMs, 3_000);
  stub.respond = (_, response) =>
    json(response, 504, statusBody(504, 'Timeout', 'Too large', { retryAfterSeconds: 1 }));
  const late = failureOf(await ports.lease.read());
  assert.equal(late.kind, 'unavailable');
  assert.equal(late.retryAfterMs, 1_000);
});

test('a write without an answer fails after the time-out, and its message says that it may have been executed', async (t) => {
  const { stub, ports, clock } = await connect(t, () => {});
  const written = ports.lease.create(CONTENT);
  await until(() => stub.seen.length === 1);
  clock.advance(5_000);
  const failure = failureOf(await written);
  assert.equal(failure.kind, 'unavailable');
  assert.match(failure.message, /no answer within 5000 ms; it is not known whether it was carried out/);
  // The connection is closed, so that a late answer is not matched with another request.
  await until(() => stub.seen[0]?.socket.destroyed === true);
});

test('an answer that stops halfway fails after the time-out', async (t) => {
  const { stub, ports, clock } = await connect(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"kind":"Lease",');
  });
  const read = ports.lease.read();
  await until(() => stub.seen.length === 1);
  clock.advance(5_000);
  assert.equal(failureOf(await read).kind, 'unavailable');
  assert.equal(clock.timers.size, 0);
});

test('a connection that is cut is unavailable, and the next request opens a new one', async (t) => {
  const { stub, ports } = await connect(t, (request) => request.socket.destroy());
  assert.equal(failureOf(await ports.lease.read()).kind, 'unavailable');
  stub.respond = (_, response) => json(response, 200, LEASE);
  assert.equal(successOf(await ports.lease.read())?.uid, 'lease-uid');
});

test('consecutive requests share one kept-alive connection', async (t) => {
  const { stub, ports } = await connect(t, (_, response) => json(response, 200, LEASE));
  for (let count = 0; count < 4; count += 1) await ports.lease.read();
  assert.equal(stub.seen.length, 4);
  assert.equal(new Set(stub.seen.map((request) => request.socket)).size, 1);
});

test('a server that another CA signed for is untrusted', async (t) => {
  const { ports } = await connect(t, (_, response) => json(response, 200, LEASE), { ca: OTHER_CA });
  const failure = failureOf(await ports.lease.read());
  assert.equal(failure.kind, 'untrusted');
  assert.match(failure.message, /ca\.crt/);
});

test('an unreachable server is unavailable', async (t) => {
  // The port was just closed, so no server listens there.
  const environment = { KUBERNETES_SERVICE_PORT: String(await freePort()) };
  const { cluster } = await connectInPod(t, () => assert.fail('asked'), {}, environment);
  const failure = failureOf(await cluster.ports({ namespace: 'shop', lease: 'web' }).lease.read());
  assert.equal(failure.kind, 'unavailable');
  assert.match(failure.message, /ECONNREFUSED/);
});

test('an answer without end is cut off at the limit', async (t) => {
  const { ports } = await connect(t, (_, response) => {
    response.writeHead(200);
    response.end(Buffer.alloc(ANSWER_LIMIT_BYTES + 1, 0x20));
  });
  const failure = failureOf(await ports.lease.read());
  assert.match(failure.message, /longer than/);
});

test('an answer that is not a Lease is malformed', async (t) => {
  const { stub, ports } = await connect(t, () => {});
  for (const body of [
    'not JSON',
    '[]',
    '{}',
    '{"metadata":{}}',
    JSON.stringify({ ...LEASE, kind: 'Pod' }),
    JSON.stringify({ ...LEASE, kind: undefined }),
    JSON.stringify({ ...LEASE, apiVersion: 'example.com/v1' }),
    JSON.stringify({ ...LEASE, metadata: { ...LEASE.metadata, name: 'api' } }),
    JSON.stringify({ ...LEASE, metadata: { ...LEASE.metadata, namespace: 'bank' } }),
    JSON.stringify({ ...LEASE, metadata: { ...LEASE.metadata, namespace: undefined } }),
    JSON.stringify({ ...LEASE, metadata: { ...LEASE.metadata, uid: '' } }),
    JSON.stringify({ ...LEASE, metadata: { ...LEASE.metadata, resourceVersion: 'abc' } }),
  ]) {
    stub.respond = (_, response) => response.end(body);
    assert.equal(failureOf(await ports.lease.read()).kind, 'malformed', body);
  }
});

test('an answer to a write is malformed when it is another object (a proxy mixed it up)', async (t) => {
  const { stub, ports } = await connect(t, () => {});
  const others = [
    { ...LEASE, metadata: { ...LEASE.metadata, name: 'api' } },
    { ...LEASE, metadata: { ...LEASE.metadata, namespace: 'bank' } },
    { ...LEASE, kind: 'Pod', apiVersion: 'v1' },
  ];
  for (const body of others) {
    stub.respond = (_, response) => json(response, 201, body);
    for (const answer of [await ports.lease.create(CONTENT), await ports.lease.replace(BEFORE, CONTENT)]) {
      assert.equal(failureOf(answer).kind, 'malformed', JSON.stringify(body));
    }
    const deletion = await ports.lease.delete({ uid: 'lease-uid', resourceVersion: '41' });
    assert.equal(failureOf(deletion).kind, 'malformed', JSON.stringify(body));
  }
  stub.respond = (_, response) => json(response, 200, LEASE);
  const elsewhere = await ports.lease.replace({ ...BEFORE, uid: 'another-uid' }, CONTENT);
  assert.match(failureOf(elsewhere).message, /has the uid "lease-uid", not "another-uid"/);
});

test('a Lease with finalizers is not gone after its DELETE was accepted (wire fact 11)', async (t) => {
  const metadata = { ...LEASE.metadata, deletionTimestamp: '2026-03-01T10:00:00Z', finalizers: ['example.com/hold'] };
  const { stub, ports } = await connect(t, (_, response) => json(response, 200, { ...LEASE, metadata }));
  const left = successOf(await ports.lease.delete({ uid: 'lease-uid', resourceVersion: '41' }));
  assert.deepEqual([left?.terminating, left?.finalizers], [true, ['example.com/hold']]);
  stub.respond = (_, response) => json(response, 200, LEASE);
  const last = await ports.lease.delete({ uid: 'lease-uid', resourceVersion: '41' });
  assert.equal(successOf(last), null, 'its last content, without a deletionTimestamp');
});

test('only a Status about this Lease means that it is deleted', async (t) => {
  const { stub, ports } = await connect(t, () => {});
  const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
  const details = { name: 'web', group: 'coordination.k8s.io', kind: 'leases', uid: 'lease-uid' };
  const rows: readonly (readonly [body: unknown, isGone: boolean])[] = [
    [{ ...success, details }, true],
    [{ ...success, details: null }, true],
    [{ ...success, details: { ...details, name: 'api' } }, false],
    [{ ...success, details: { ...details, kind: 'pods' } }, false],
    [{ ...success, details: { ...details, uid: 'another-uid' } }, false],
    [{ ...success, status: 'Failure' }, false],
    [{ kind: 'Status' }, false],
    [[], false],
  ];
  for (const [body, isGone] of rows) {
    stub.respond = (_, response) => json(response, 200, body);
    const answer = await ports.lease.delete({ uid: 'lease-uid', resourceVersion: '41' });
    assert.deepEqual(answer.ok ? answer.value : answer.failure.kind, isGone ? null : 'malformed', JSON.stringify(body));
  }
});

test('a write reports the fields that came back with another value', async (t) => {
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'pod-uid' };
  const metadata = { ...LEASE.metadata, ownerReferences: [owner] };
  const written = { ...LEASE, metadata, spec: { holderIdentity: 'web-0' } };
  const { stub, ports } = await connect(t, () => {});
  const rows: readonly (readonly [body: unknown, altered: readonly string[] | undefined])[] = [
    [written, undefined],
    [{ ...written, metadata: LEASE.metadata }, ['metadata.ownerReferences']],
    [{ ...written, metadata: { ...metadata, ownerReferences: null } }, ['metadata.ownerReferences']],
    [
      { ...written, metadata: { ...metadata, ownerReferences: [{ ...owner, uid: 'x' }] } },
      ['metadata.ownerReferences'],
    ],
    [{ ...written, spec: null }, ['spec.holderIdentity']],
    [
      { ...written, spec: { holderIdentity: 'x', leaseDurationSeconds: 5 } },
      ['spec.holderIdentity', 'spec.leaseDurationSeconds'],
    ],
    [
      { ...written, metadata: { ...metadata, annotations: { 'lease-elector/released': 'x' } } },
      ['metadata.annotations[lease-elector/released]'],
    ],
    [{ ...written, spec: { holderIdentity: 'web-0', renewTime: '2026-03-01T10:00:00.000000Z' } }, ['spec.renewTime']],
  ];
  for (const [body, altered] of rows) {
    stub.respond = (_, response) => json(response, 200, body);
    for (const answer of [await ports.lease.create(CONTENT), await ports.lease.replace(BEFORE, CONTENT)]) {
      successOf(answer);
      assert.deepEqual(answer.altered, altered, JSON.stringify(body));
    }
  }
});

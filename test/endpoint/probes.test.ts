/**
 * Checks the paths that a kubelet and a Prometheus can reach. Probes and metrics answer on every address, the leader
 * only on loopback.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { hostsFor } from '../../src/endpoint/loopback.ts';
import { readYaml } from '../../src/testing/formats/yaml.ts';
import { type ask, IPV6_LOOPBACK, LAST_UPDATE_MS, rawClient, startServer } from './raw-client.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

const POD_ADDRESS = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

/** Some machines have loopback addresses only. */
const HAS_ADDRESS = { skip: POD_ADDRESS === undefined ? 'this machine has no address but loopback' : false };

const EVERYWHERE = { hosts: hostsFor('0.0.0.0'), metrics: () => 'a_metric 1\n' };

async function statusOf(
  t: Parameters<typeof ask>[0],
  port: number,
  path: string,
  address: string,
  host = `${address}:${port}`,
): Promise<number> {
  const client = rawClient(t, port, address).send(`GET ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', '');
  return Number((await client.whole()).split(' ')[1]);
}

test('the address of the Pod answers probes and metrics, but not the name of the leader', HAS_ADDRESS, async (t) => {
  const { server, port } = await startServer(t, EVERYWHERE);
  server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });
  const statuses = async (address: string): Promise<Record<string, number>> => {
    const entries = ['/healthz', '/readyz', '/metrics', '/'].map(
      async (path) => [path, await statusOf(t, port, path, address)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  };
  assert.deepEqual(await statuses(String(POD_ADDRESS)), {
    '/healthz': 200,
    '/readyz': 200,
    '/metrics': 200,
    '/': 403,
  });
  assert.deepEqual(await statuses('127.0.0.1'), { '/healthz': 200, '/readyz': 200, '/metrics': 200, '/': 200 });
  assert.equal(await statusOf(t, port, '/sse', String(POD_ADDRESS)), 403);
  assert.equal(await statusOf(t, port, '/sse?x', String(POD_ADDRESS)), 403);
  assert.equal(
    await statusOf(t, port, `http://localhost:${port}/`, String(POD_ADDRESS)),
    403,
    'the Host does not change the address',
  );
});

test('the leader is answered on every address and for every Host with exposeLeader', HAS_ADDRESS, async (t) => {
  const { port } = await startServer(t, { ...EVERYWHERE, exposeLeader: true });
  assert.equal(await statusOf(t, port, '/', String(POD_ADDRESS)), 200);
  assert.equal(await statusOf(t, port, '/', '127.0.0.1', 'elector.example'), 200);
});

test(
  'the endpoint on every IPv4 address also listens on the IPv6 loopback, because localhost may mean that',
  IPV6_LOOPBACK,
  async (t) => {
    const { port } = await startServer(t, EVERYWHERE);
    assert.equal(await statusOf(t, port, '/', '::1', `[::1]:${port}`), 200);
  },
);

for (const path of ['/', '/sse', '/metrics', '/nothing']) {
  test(`a request is refused ${path} when its Host is not this machine (DNS rebinding)`, async (t) => {
    const { port } = await startServer(t, { metrics: () => 'a_metric 1\n' });
    assert.equal(await statusOf(t, port, path, '127.0.0.1', `rebound.example:${port}`), 403);
  });
}

for (const path of ['/healthz', '/readyz']) {
  test(`a probe of ${path} is answered when the sidecar of a service mesh forwards it`, async (t) => {
    const { server, port } = await startServer(t);
    server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });
    assert.equal(await statusOf(t, port, path, '127.0.0.1', '10.1.2.3:4040'), 200);
  });
}

test('a refusal names the option that permits the request', async (t) => {
  const { port } = await startServer(t, EVERYWHERE);
  const bodyFor = async (address: string, host: string): Promise<string> => {
    const client = rawClient(t, port, address).send('GET / HTTP/1.1', `Host: ${host}`, 'Connection: close', '');
    return (await client.whole()).split('\r\n\r\n')[1] ?? '';
  };
  assert.equal(
    await bodyFor('127.0.0.1', 'rebound.example'),
    'On a loopback address the Host must be localhost or a loopback address. Set the option endpoint.exposeLeader to accept any.',
  );
  if (POD_ADDRESS === undefined) return;
  assert.equal(
    await bodyFor(POD_ADDRESS, 'localhost'),
    'This path is answered on loopback addresses only. Set the option endpoint.exposeLeader to answer it here.',
  );
});

test('the authority of an absolute URL counts, not the Host', async (t) => {
  const { port } = await startServer(t);
  assert.equal(await statusOf(t, port, 'http://rebound.example/', '127.0.0.1', 'localhost'), 403);
});

test('the Host counts, not a URL in the query', async (t) => {
  const { port } = await startServer(t);
  assert.equal(await statusOf(t, port, '/?to=http://localhost/', '127.0.0.1', 'rebound.example'), 403);
  assert.equal(await statusOf(t, port, '/?to=http://rebound.example/', '127.0.0.1', 'localhost'), 200);
});

test('a client of HTTP/1.0 without a Host is answered', async (t) => {
  const { port } = await startServer(t);
  assert.match(await rawClient(t, port).send('GET / HTTP/1.0', '').whole(), /^HTTP\/1\.0 200 /);
});

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

test('a candidate is ready as soon as a leader is known, and remains ready without a leader', async (t) => {
  const { server, port } = await startServer(t);
  const status = (): Promise<number> => statusOf(t, port, '/readyz', '127.0.0.1');
  assert.equal(await status(), 503);
  server.publish({ name: 'another-pod', lastUpdateMs: LAST_UPDATE_MS });
  assert.equal(await status(), 200);
  server.publish(null);
  assert.equal(await status(), 200);
});

test('the endpoint of the README answers the probes of the README', HAS_ADDRESS, async (t) => {
  const section = README.slice(README.indexOf('## 5. In the cluster'));
  const yaml = /```yaml\n([\s\S]*?)```/.exec(section)?.[1] ?? '';
  const document = readYaml(yaml) as { containers: [Readonly<Record<string, unknown>>] };
  const [container] = document.containers;
  assert.match(section, /endpoint: \{ host: '0\.0\.0\.0' \}/);
  assert.deepEqual(container['ports'], [{ name: 'elector', containerPort: 4040 }]);
  const { server, port } = await startServer(t, EVERYWHERE);
  server.publish({ name: 'pod-a', lastUpdateMs: LAST_UPDATE_MS });
  for (const { httpGet } of [container['livenessProbe'], container['readinessProbe']] as Probe[]) {
    assert.equal(httpGet.port, 'elector');
    assert.equal(await statusOf(t, port, httpGet.path, String(POD_ADDRESS)), 200);
  }
});

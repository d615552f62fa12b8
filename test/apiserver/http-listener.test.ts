import assert from 'node:assert/strict';
import https from 'node:https';
import { type TestContext, test } from 'node:test';
import { ApiServer, type ApiServerAddress, type ApiServerOptions } from '../../src/apiserver/index.ts';

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly aborted: boolean;
}

async function started(
  t: TestContext,
  options: ApiServerOptions = {},
): Promise<ApiServerAddress & { server: ApiServer }> {
  const server = new ApiServer({ adminToken: 'admin-token', ...options });
  const address = await server.start();
  t.after(() => server.stop());
  return { ...address, server };
}

function ask(
  address: ApiServerAddress,
  path: string,
  options: {
    readonly method?: string;
    readonly body?: string;
    readonly servername?: string;
    readonly onChunk?: (text: string) => void;
  } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      `${address.url}${path}`,
      {
        ca: address.caPem,
        agent: false,
        method: options.method ?? 'GET',
        headers: { authorization: 'Bearer admin-token' },
        ...(options.servername === undefined ? {} : { servername: options.servername }),
      },
      (response) => {
        let text = '';
        let aborted = false;
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
          options.onChunk?.(chunk);
        });
        response.on('error', () => {
          aborted = true;
        });
        response.on('close', () => resolve({ status: response.statusCode ?? 0, text, aborted }));
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

test('the published certificate is trusted for its names', async (t) => {
  const address = await started(t);
  for (const servername of ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc']) {
    assert.equal((await ask(address, '/healthz', { servername })).text, 'ok', servername);
  }
  assert.equal((await ask(address, '/healthz')).text, 'ok');
});

test('a body over 3 MiB is 413', async (t) => {
  const address = await started(t);
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
  const reply = await ask(address, path, { method: 'POST', body: 'x'.repeat(3_145_729) });
  assert.equal(reply.status, 413);
  assert.match(reply.text, /limit is 3145728/);
});

test('a watch over a socket: events as they come, broken off by cutWatches', async (t) => {
  const address = await started(t);
  const chunks: string[] = [];
  const reply = await ask(address, '/api/v1/namespaces?watch=1', {
    onChunk: (chunk) => {
      chunks.push(chunk);
      if (chunks.length === 1) address.server.createNamespace('later');
      if (chunk.includes('"later"')) address.server.cutWatches();
    },
  });
  assert.match(chunks.join(''), /"name":"later"/);
  assert.equal(reply.aborted, true);
});

test('a clean stop ends open watches in order', async (t) => {
  const address = await started(t);
  let stopped: Promise<void> | undefined;
  const reply = await ask(address, '/api/v1/namespaces?watch=1', {
    onChunk: () => {
      stopped ??= address.server.stop();
    },
  });
  await stopped;
  assert.equal(reply.aborted, false);
});

test('a fault that loses the answer resets the connection', async (t) => {
  const address = await started(t, { faults: () => ({ dropAnswer: true }) });
  await assert.rejects(ask(address, '/version'), { code: 'ECONNRESET' });
});

test('the kubeconfig names the server, the authority and the admin token', async (t) => {
  const { server, url, caPem } = await started(t);
  const config = JSON.parse(server.kubeconfig());
  assert.equal(config.clusters[0].cluster.server, url);
  assert.equal(Buffer.from(config.clusters[0].cluster['certificate-authority-data'], 'base64').toString(), caPem);
  assert.equal(config.users[0].user.token, 'admin-token');
});

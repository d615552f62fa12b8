/**
 * Checks the client in a separate process: the environment does not weaken it, it prints no credentials, and its memory
 * is bounded.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ANSWER_LIMIT_BYTES } from '../../src/kube/api-client.ts';
import { LINE_LIMIT_BYTES } from '../../src/kube/watch-stream.ts';
import {
  TEST_CA_CERTIFICATE,
  TEST_SERVER_CERTIFICATE,
  TEST_SERVER_KEY,
} from '../../src/testing/access/test-certificate.ts';
import type { Report, Task } from './client-child.ts';
import { OTHER_CA } from './other-authority.ts';
import { json, type StubServer, serviceAccountDirectory, startStub } from './stub-server.ts';

const CHILD = fileURLToPath(new URL('client-child.ts', import.meta.url));
const LEASE = { kind: 'Lease', metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1' }, spec: {} };

interface Outcome extends Report {
  readonly stderr: string;
}

async function run(task: Task, environment: Record<string, string> = {}): Promise<Outcome> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--expose-gc', CHILD, JSON.stringify(task)], {
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
    maxBuffer: 64 * 1024 * 1024,
  });
  return { ...(JSON.parse(stdout) as Report), stderr };
}

function startLeaseStub(t: TestContext): Promise<StubServer> {
  return startStub(t, (_, response) => json(response, 200, LEASE));
}

function inPod(stub: StubServer): Record<string, string> {
  return { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(stub.port) };
}

test('only the kubeconfig switches the verification off, not NODE_TLS_REJECT_UNAUTHORIZED=0', async (t) => {
  const stub = await startLeaseStub(t);
  const environment = { ...inPod(stub), NODE_TLS_REJECT_UNAUTHORIZED: '0' };
  const [pod, verified, unverified] = await Promise.all([
    run({ directory: serviceAccountDirectory(t, { ca: OTHER_CA }) }, environment),
    run({ kubeConfig: kubeConfigOf(stub, false, { ca: OTHER_CA }) }, environment),
    run({ kubeConfig: kubeConfigOf(stub, true, { ca: OTHER_CA }) }, environment),
  ]);
  assert.deepEqual([pod.read, pod.watch], ['untrusted', 'untrusted']);
  assert.deepEqual([verified.read, verified.watch], ['untrusted', 'untrusted']);
  assert.equal(unverified.read, 'ok');
});

function kubeConfigOf(stub: StubServer, skipTLSVerify: boolean, options: object): Task['kubeConfig'] & object {
  return { server: `https://127.0.0.1:${stub.port}`, skipTLSVerify, options };
}

test('no credential is printed for any value of NODE_DEBUG', async (t) => {
  const stub = await startLeaseStub(t);
  const environment = { ...inPod(stub), NODE_DEBUG: '*', DEBUG: '*' };
  const [pod, kubeConfig] = await Promise.all([
    run({ directory: serviceAccountDirectory(t, { token: 'a-token-that-nobody-may-see' }) }, environment),
    run(
      {
        kubeConfig: kubeConfigOf(stub, false, {
          ca: TEST_CA_CERTIFICATE,
          cert: TEST_SERVER_CERTIFICATE,
          key: TEST_SERVER_KEY,
          passphrase: 'a-passphrase-that-nobody-may-see',
          auth: 'anna:a-password-that-nobody-may-see',
        }),
      },
      environment,
    ),
  ]);
  assert.deepEqual(
    stub.seen.map(({ headers }) => headers['authorization']?.split(' ')[0]).sort(),
    ['Basic', 'Basic', 'Bearer', 'Bearer'],
    'the credentials are sent',
  );
  const basic = Buffer.from('anna:a-password-that-nobody-may-see').toString('base64');
  const [, keyLine = ''] = TEST_SERVER_KEY.split('\n');
  for (const { read, stderr } of [pod, kubeConfig]) {
    assert.equal(read, 'ok');
    assert.match(stderr, /HTTPS? \d+:/, 'Node.js prints its debug lines');
    for (const secret of ['nobody-may-see', basic, keyLine]) {
      const at = stderr.indexOf(secret);
      assert.equal(at, -1, stderr.slice(Math.max(0, at - 400), at + 100));
    }
  }
});

/** The memory that is permitted beyond the limit, in bytes: for the text and the value. */
const MEMORY_MARGIN_BYTES = 20_000_000;

const MEASURED: readonly { readonly path: RegExp; readonly limitBytes: number; readonly newline: string }[] = [
  { path: /leases\/web/, limitBytes: ANSWER_LIMIT_BYTES, newline: '' },
  { path: /watch=true/, limitBytes: LINE_LIMIT_BYTES, newline: '\n' },
];

test('an answer or a line in chunks of one byte takes little more memory than its bytes', async (t) => {
  for (const { path, limitBytes, newline } of MEASURED) {
    const port = await startDripFeed(t, path, `"${'x'.repeat(limitBytes - 3)}"`, newline);
    const { grownBytes } = await run({
      kubeConfig: { server: `http://127.0.0.1:${port}`, skipTLSVerify: true, options: {} },
      measureAtBytes: limitBytes - 2,
    });
    assert.equal(grownBytes.length, 1);
    assert.ok((grownBytes[0] ?? 0) < limitBytes + MEMORY_MARGIN_BYTES, `${path}: ${grownBytes[0]} bytes`);
  }
});

/** A server that answers requests for this path with this text, one byte in each chunk. It answers other requests with `{}`. */
async function startDripFeed(t: TestContext, path: RegExp, text: string, end: string): Promise<number> {
  const chunks = Buffer.from([...(text + end)].map((character) => `1\r\n${character}\r\n`).join(''));
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (request) => {
      if (!path.test(request.toString())) {
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}');
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n');
      socket.write(chunks);
      socket.end('0\r\n\r\n');
    });
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

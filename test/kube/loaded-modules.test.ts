/**
 * Checks which modules a process in its Pod loads: `node:https`, and no Kubernetes client.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { boundToken, json, serviceAccountDirectory, startStub, statusBody } from './stub-server.ts';

const CHILD = fileURLToPath(new URL('./loaded-modules-child.ts', import.meta.url));
const LEASE = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '41' },
};

/** Runs the child against a stub. Returns the addresses of all modules that it loaded, with the builtin ones. */
async function modulesLoaded(t: TestContext, mode: 'pod' | 'kubeconfig'): Promise<readonly string[]> {
  // Reading Pods is refused, so the uid that the child sets with a kubeconfig is not checked.
  const stub = await startStub(t, ({ path }, response) =>
    path.includes('/pods/')
      ? json(response, 403, statusBody(403, 'Forbidden', 'pods is forbidden'))
      : json(response, 200, LEASE),
  );
  const directory = serviceAccountDirectory(t, { token: boundToken('shop', 'web-0', 'pod-uid') });
  const child = spawn(process.execPath, [CHILD, mode, directory], {
    env: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(stub.port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const chunk of child.stdout) output += chunk;
  const { read, modules } = JSON.parse(output);
  assert.equal(read, 'u', 'the child has read the Lease');
  return modules;
}

test('a process in its Pod loads no package except debug, and no Kubernetes client', async (t) => {
  const modules = await modulesLoaded(t, 'pod');
  assert.ok(
    modules.some((url) => url.endsWith('/src/kube/connect.ts')),
    'the list of modules is complete',
  );
  const packages = new Set(modules.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []));
  assert.deepEqual(
    [...packages].filter((name) => name !== 'debug' && name !== 'ms'),
    [],
  );
});

test("a process in its Pod does not load Node's undici, which an import of node:http loads (15 ms, 4 MB)", async (t) => {
  const modules = await modulesLoaded(t, 'pod');
  assert.ok(modules.includes('NativeModule https'), 'the list of builtin modules is complete');
  assert.deepEqual(
    modules.filter((name) => name.includes('undici')),
    [],
  );
});

test('the list of modules contains the Kubernetes client when a kubeconfig file is named', async (t) => {
  const modules = await modulesLoaded(t, 'kubeconfig');
  assert.ok(modules.some((url) => url.includes('node_modules/@kubernetes/client-node/')));
  assert.ok(modules.some((url) => url.includes('node_modules/undici/')));
});

/**
 * `npm run e2e` removes everything when it is interrupted or cannot begin.
 */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { embedded, namespacesLeft, runE2e, TIMEOUT } from './e2e-command.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`the run ends and removes everything on ${signal}`, TIMEOUT, async (t) => {
    const { cluster, kubeconfig } = await embedded(t);
    const act = { on: '✓ step down', do: (child: ChildProcess) => child.kill(signal) };
    const { code, stdout, filesLeft } = await runE2e(t, kubeconfig, [], act);
    assert.equal(code, 130, stdout);
    assert.match(stdout, /^rolling replacement .* not run$/m);
    assert.deepEqual([namespacesLeft(cluster), filesLeft], [[], []]);
  });
}

test('the run fails and names the permission when it cannot create a namespace', TIMEOUT, async (t) => {
  const { cluster, kubeconfig } = await embedded(t);
  cluster.addWebhook({ name: 'policy.example.com', verbs: 'create', resource: 'namespaces', deny: { code: 403 } });
  const { code, stderr, filesLeft } = await runE2e(t, kubeconfig);
  assert.equal(code, 1);
  assert.match(stderr, /^e2e: cannot create a namespace: 403 .*\. Grant create on namespaces\n$/);
  assert.deepEqual(filesLeft, []);
});

/**
 * `npm run e2e` when it is interrupted, or may not begin: nothing stays behind.
 */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { embedded, namespacesLeft, runE2e, TIMEOUT } from './e2e-command.ts';

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends the run, and nothing stays behind`, TIMEOUT, async (t) => {
    const { cluster, kubeconfig } = await embedded(t);
    const act = { on: '✓ step down', do: (child: ChildProcess) => child.kill(signal) };
    const { code, stdout, filesLeft } = await runE2e(t, kubeconfig, [], act);
    assert.equal(code, 130, stdout);
    assert.match(stdout, /^rolling replacement .* not run$/m);
    assert.deepEqual([namespacesLeft(cluster), filesLeft], [[], []]);
  });
}

test('a namespace that cannot be made is a failure, and says what to grant', TIMEOUT, async (t) => {
  const { cluster, kubeconfig } = await embedded(t);
  cluster.addWebhook({ name: 'policy.example.com', verbs: 'create', resource: 'namespaces', deny: { code: 403 } });
  const { code, stderr, filesLeft } = await runE2e(t, kubeconfig);
  assert.equal(code, 1);
  assert.match(stderr, /^e2e: no namespace could be made: 403 .*\. Grant create on namespaces\n$/);
  assert.deepEqual(filesLeft, []);
});

/**
 * `npm run e2e` against the embedded server: the scenarios, and a scenario that fails.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiServerProcess } from '../kubectl/apiserver-process.ts';
import { embedded, namespacesLeft, runE2e, TIMEOUT } from './e2e-command.ts';
import { SCENARIOS } from './scenarios.ts';

test('each scenario passes, and the run removes everything', TIMEOUT, async (t) => {
  const server = await ApiServerProcess.start([]);
  t.after(() => server.stop());
  const { code, stdout, stderr, filesLeft } = await runE2e(t, server.kubeconfig, ['--patience', '60']);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^scenario +expected +observed +time$/m);
  for (const { name, expected } of SCENARIOS) {
    assert.ok(new RegExp(`^${name} +${expected} .* \\d+\\.\\d s$`, 'm').test(stdout), `${name}\n${stdout}`);
  }
  const [, namespace = ''] = /namespace (\S+) removed\n$/.exec(stdout) ?? [];
  await assert.rejects(server.send('GET', `/api/v1/namespaces/${namespace}`), /: 404$/);
  assert.deepEqual(filesLeft, []);
});

test('the run ends and removes everything when a scenario fails', TIMEOUT, async (t) => {
  const { cluster, kubeconfig } = await embedded(t);
  cluster.addWebhook({ name: 'policy.example.com', verbs: 'create', resource: 'leases', deny: { code: 400 } });
  const { code, stdout, filesLeft } = await runE2e(t, kubeconfig, ['--patience', '3']);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^election .* FAILED: not within 3 s: /m);
  assert.equal(stdout.match(/ not run$/gm)?.length, SCENARIOS.length - 1, stdout);
  assert.deepEqual([namespacesLeft(cluster), filesLeft], [[], []]);
});

/**
 * `npm run e2e` exits 2 with a message when it has no suitable cluster.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { directoryOf, runE2e, TIMEOUT } from './e2e-command.ts';

function kubeconfigWith(cluster: object): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

for (const [what, content, complaint] of [
  ['no KUBECONFIG', undefined, /^e2e: KUBECONFIG is not set: no cluster to run against\. Set it/],
  ['a KUBECONFIG that is not a kubeconfig', '{', /^e2e: KUBECONFIG cannot be read: /],
  [
    'a server without https',
    kubeconfigWith({ server: 'http://127.0.0.1:1' }),
    /^e2e: the server of the kubeconfig is /,
  ],
  ['a server behind a path', kubeconfigWith({ server: 'https://rancher.example.com/k8s/c' }), /a host and a port/],
  ['no authority', kubeconfigWith({ server: 'https://127.0.0.1:1' }), /names no certificate-authority/],
] as const) {
  test(`the run prints the reason and exits 2 when it has ${what}`, TIMEOUT, async (t) => {
    const kubeconfig = path.join(directoryOf(t), 'kubeconfig');
    if (content !== undefined) writeFileSync(kubeconfig, content);
    const { code, stdout, stderr } = await runE2e(t, content === undefined ? undefined : kubeconfig);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, complaint);
  });
}

/**
 * Reads one Lease and prints the address of every module that was loaded for it, for `loaded-modules.test.ts`.
 */

import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';

const modules: string[] = [];
// The hook records imports and requires. It runs before the library is loaded.
registerHooks({
  load(url, context, next) {
    modules.push(url);
    return next(url, context);
  },
});

const [mode, directory = ''] = process.argv.slice(2);
const { systemClock } = await import('../../src/runtime/clock.ts');
const { connectToCluster } = await import('../../src/kube/connect.ts');

const path = join(directory, 'kubeconfig');
if (mode === 'kubeconfig') {
  const server = `https://127.0.0.1:${process.env['KUBERNETES_SERVICE_PORT']}`;
  const kubeConfig = {
    clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(path, JSON.stringify(kubeConfig));
}
const cluster = await connectToCluster({
  ...(mode === 'kubeconfig' ? { kubeConfig: { path } } : {}),
  serviceAccountDirectory: directory,
  requestTimeoutMs: 10_000,
  clock: systemClock,
});
const pod = mode === 'kubeconfig' ? { name: 'web-0', namespace: 'shop', uid: 'pod-uid' } : {};
const identity = await cluster.identify({ lease: 'web', pod });
if (!identity.ok) throw new Error(identity.failure.message);
const answer = await cluster.ports(identity.value).lease.read();
cluster.close();
// The builtin modules that Node.js has loaded.
const { moduleLoadList } = process as unknown as { moduleLoadList: readonly string[] };
process.stdout.write(
  JSON.stringify({ read: answer.ok && answer.value?.uid, modules: [...modules, ...moduleLoadList] }),
);

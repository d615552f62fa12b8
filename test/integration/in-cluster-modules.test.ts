/**
 * An application in its Pod never loads `@kubernetes/client-node` (about 90 MB of memory). The tests list the modules
 * of an elected process. With a kubeconfig, the same list contains the client.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LeaseElectorOptions } from '../../src/index.ts';
import { CandidateProcess } from './candidate-process.ts';
import { NAMESPACE, TestCluster, type TestPod } from './cluster.ts';

/** The npm packages that a process loads until it is elected and stopped. */
async function packagesLoaded(t: TestContext, pod: TestPod, options: LeaseElectorOptions = {}): Promise<Set<string>> {
  const list = join(pod.directory, 'modules.json');
  const environment = {
    ...pod.environment,
    MODULE_LIST: list,
    NODE_OPTIONS: `--import=${new URL('./module-list.ts', import.meta.url)}`,
  };
  const process = new CandidateProcess(t, { ...pod, environment }, options);
  await process.report('elected');
  process.send('stop');
  assert.equal(await process.ended(), 0);
  const modules: string[] = JSON.parse(readFileSync(list, 'utf8'));
  assert.ok(
    modules.some((url) => url.endsWith('/src/lease-elector.ts')),
    'the list has the modules of the library',
  );
  return new Set(modules.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? []));
}

test('an elector loads only eventemitter3 when it runs in a Pod', async (t) => {
  const cluster = await TestCluster.start(t);
  const packages = await packagesLoaded(t, cluster.addPod('web-0'));
  assert.deepEqual(packages, new Set(['eventemitter3']));
});

test('an elector also loads the Kubernetes client when it has a kubeconfig', async (t) => {
  const cluster = await TestCluster.start(t);
  const pod = cluster.addPod('web-0');
  const path = join(pod.directory, 'kubeconfig');
  const kubeConfig = {
    clusters: [
      {
        name: 'here',
        cluster: {
          server: `https://127.0.0.1:${cluster.port}`,
          'certificate-authority-data': Buffer.from(cluster.server.caPem).toString('base64'),
        },
      },
    ],
    users: [{ name: 'admin', user: { token: cluster.server.adminToken } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'admin', namespace: NAMESPACE } }],
    'current-context': 'here',
  };
  writeFileSync(path, JSON.stringify(kubeConfig));
  const { name, uid } = pod;
  const packages = await packagesLoaded(t, pod, { kubeConfig: { path }, pod: { name, uid } });
  assert.ok(packages.has('@kubernetes/client-node'));
});

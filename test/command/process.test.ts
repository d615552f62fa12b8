/**
 * The executable as a separate process, against the embedded server: with a real elector, and without the client.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LeaseElector } from '../../src/index.ts';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { type Ended, fileOf } from './on-call.ts';

const MAIN = fileURLToPath(new URL('../../src/command/main.ts', import.meta.url));

/** The longest run of a process, in milliseconds. */
const PROCESS_LIMIT_MS = 60_000;

function start(args: readonly string[], kubeconfig: string, flags: readonly string[] = []): ChildProcess {
  const { PATH } = process.env;
  return spawn(process.execPath, [...flags, MAIN, ...args], {
    env: { PATH, KUBECONFIG: kubeconfig },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PROCESS_LIMIT_MS,
  });
}

/** @param until interrupts the process (Ctrl-C) once it has written this */
async function ended(child: ChildProcess, until?: RegExp): Promise<Ended> {
  let [written, complained] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    written += chunk;
    if (until?.test(written) === true) child.kill('SIGINT');
  });
  child.stderr?.on('data', (chunk) => {
    complained += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, written, complained };
}

async function clusterWithLeader(t: TestContext): Promise<{ cluster: EmbeddedCluster; kubeconfig: string }> {
  const cluster = await EmbeddedCluster.start();
  t.after(() => cluster.stop());
  const elector = new LeaseElector({
    ...cluster.createPod({ name: 'web-0', namespace: 'shop' }).electorOptions(),
    lease: 'web',
  });
  t.after(() => elector.stop());
  // The warning is expected: the test deletes its Pod.
  elector.on('warning', () => {});
  await elector.start();
  await cluster.until(() => elector.isLeader);
  return { cluster, kubeconfig: fileOf(t, cluster.kubeconfig()) };
}

test('the executable explains the Lease of a real elector, and its exit code depends on the leader', async (t) => {
  const { cluster, kubeconfig } = await clusterWithLeader(t);
  const led = await ended(start(['explain', '-n', 'shop'], kubeconfig));
  assert.deepEqual([led.code, led.complained], [0, '']);
  assert.match(led.written, /^Lease shop\/web: has a leader\n {2}Pod web-0 leads/);
  const collector = cluster.holdGarbageCollector();
  const leader = cluster.leader('web', 'shop');
  await leader?.forceDelete();
  leader?.crash();
  const orphaned = await ended(start(['explain', 'web', '-n', 'shop', '--json'], kubeconfig));
  assert.deepEqual([orphaned.code, orphaned.complained], [1, '']);
  const { leases } = JSON.parse(orphaned.written) as { leases: { reason: string; leftByCollector: boolean }[] };
  assert.deepEqual(
    leases.map(({ reason, leftByCollector }) => ({ reason, leftByCollector })),
    [{ reason: 'holder-gone', leftByCollector: true }],
  );
  collector.release();
});

test('watch of the executable writes one line for each change, and ends with Ctrl-C', async (t) => {
  const { cluster, kubeconfig } = await clusterWithLeader(t);
  const child = start(['watch', '-n', 'shop'], kubeconfig);
  const watched = ended(child, /elected web-1/);
  child.stdout?.once('data', async () => {
    const successor = new LeaseElector({
      ...cluster.createPod({ name: 'web-1', namespace: 'shop' }).electorOptions(),
      lease: 'web',
    });
    t.after(() => successor.stop());
    await successor.start();
    await cluster.leader('web', 'shop')?.forceDelete();
  });
  const { code, written, complained } = await watched;
  assert.deepEqual([code, complained], [0, ''], written);
  const time = '\\d{4}-\\S+Z';
  assert.match(
    written,
    new RegExp(
      `^${time} shop/web is held by web-0, token <=\\d+\n${time} shop/web is gone; web-0 held it\n` +
        `${time} shop/web elected web-1, token \\d+, after web-0\n$`,
    ),
  );
});

test('watch ends without an error when its reader has closed the pipe', async (t) => {
  const { cluster, kubeconfig } = await clusterWithLeader(t);
  const child = start(['watch', '-n', 'shop'], kubeconfig);
  const watched = ended(child);
  child.stdout?.once('data', async () => {
    child.stdout?.destroy();
    await cluster.leader('web', 'shop')?.forceDelete();
  });
  const { code, complained } = await watched;
  assert.deepEqual([code, complained], [0, '']);
});

/** Makes the import of the client fail, as it does when the client is not installed. */
const WITHOUT_CLIENT = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    resolve(specifier, context, next) {
      return next(specifier === '@kubernetes/client-node' ? 'no-such-package-of-anybody' : specifier, context);
    },
  });
`)}`;

for (const verb of ['explain', 'list', 'watch']) {
  test(`${verb} names the package to install when the Kubernetes client is missing`, async (t) => {
    const kubeconfig = fileOf(t, 'apiVersion: v1\nkind: Config\n');
    const { code, written, complained } = await ended(start([verb], kubeconfig, ['--import', WITHOUT_CLIENT]));
    assert.deepEqual([code, written], [2, '']);
    assert.match(complained, /^Cannot tell: .*without the package @kubernetes\/client-node/);
    assert.match(complained, /Run `npm install @kubernetes\/client-node`/);
    assert.match(complained, /npx -p @kubernetes\/client-node -p lease-elector lease-elector/);
  });
}

/**
 * `lease-elector list`: the table, its exit code, and all namespaces.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ageText, tableLines } from '../../src/command/table.ts';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { createLease, fileOf, kubeconfigWith, run } from './on-call.ts';

let cluster: EmbeddedCluster;

before(async () => {
  cluster = await EmbeddedCluster.start();
  const web = cluster.createPod({ name: 'web-0', namespace: 'shop' });
  await createLease(cluster, { namespace: 'shop', name: 'web', owner: web });
  const job = cluster.createPod({ name: 'job-0', namespace: 'batch' });
  await createLease(cluster, { namespace: 'batch', name: 'nightly', owner: job });
  await job.fail({ reason: 'Evicted' });
});
after(() => cluster.stop());

test('list shows holder, Pod, token, renewal and reason, and answers 0 when each Lease has a leader', async (t) => {
  const { code, written, complained } = await run([
    'list',
    '-n',
    'shop',
    '--kubeconfig',
    fileOf(t, cluster.kubeconfig()),
  ]);
  assert.deepEqual([code, complained], [0, '']);
  assert.match(
    written,
    /^NAME {2}HOLDER {2}POD {6}TOKEN +RENEWED {2}LEADER {2}REASON\nweb {3}web-0 {3}Running {2}<=\d+ +\d+s +yes {5}following\n$/,
  );
});

test('list -A shows every namespace, sorted, and answers 1 when one Lease has no leader', async (t) => {
  const kubeconfig = fileOf(t, cluster.kubeconfig());
  const { code, written } = await run(['list', '-A', '--kubeconfig', kubeconfig]);
  assert.equal(code, 1);
  assert.match(
    written,
    /^NAMESPACE .*\nbatch +nightly +job-0 +Failed \(Evicted\) .*no +holder-failed\nshop +web +web-0 .*yes +following\n$/,
  );
  const json = await run(['list', '-A', '--json', '--kubeconfig', kubeconfig]);
  const { answer, leases } = JSON.parse(json.written) as { answer: string; leases: { lease: { name: string } }[] };
  assert.deepEqual([json.code, answer, leases.map(({ lease }) => lease.name)], [1, 'none', ['nightly', 'web']]);
});

test('list answers 1 when there is no Lease of the library', async (t) => {
  const { code, written } = await run(['list', '-n', 'empty', '--kubeconfig', fileOf(t, cluster.kubeconfig())]);
  assert.deepEqual([code, written], [1, 'There is no Lease of this library in namespace empty.\n']);
});

test('list answers "cannot tell" when it is not permitted to list Leases', async (t) => {
  cluster.grant({ namespace: 'shop', serviceAccountName: 'nobody', rules: [] });
  const pod = cluster.createPod({ name: 'nobody-0', namespace: 'shop', serviceAccountName: 'nobody' });
  const kubeconfig = fileOf(t, kubeconfigWith(cluster, pod.token));
  const { code, written, complained } = await run(['list', '-A', '--kubeconfig', kubeconfig]);
  assert.deepEqual([code, written], [2, '']);
  assert.match(complained, /^Cannot tell: list leases\.coordination\.k8s\.io with the label \S+ in the whole cluster/);
});

test('a table is as wide as its cells, has no control character, and is cut to the width of the terminal', () => {
  const rows = [
    ['a\u001b[1m', 'bb'],
    ['ccc', 'dddddddddd'],
  ];
  assert.deepEqual(tableLines(['X', 'Y'], rows), ['X      Y', 'a [1m  bb', 'ccc    dddddddddd']);
  assert.deepEqual(tableLines(['X', 'Y'], rows, 10), ['X      Y', 'a [1m  bb', 'ccc    dd…']);
});

for (const [ms, text] of [
  [null, '-'],
  [-5, '0s'],
  [119_999, '119s'],
  [120_000, '2m'],
  [7_200_000, '2h'],
  [172_800_000, '2d'],
] as const) {
  test(`an age of ${ms} ms is written ${text}`, () => {
    assert.equal(ageText(ms), text);
  });
}

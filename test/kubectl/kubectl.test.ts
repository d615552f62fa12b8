/**
 * Checks kubectl as a client of the embedded server: the recorded commands have the output that a real server caused.
 * Without kubectl, the tests are skipped with that reason.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Bindings } from '../conformance/placeholders.ts';
import { type RecordedCommand, readRecordings } from '../conformance/recording.ts';
import { ApiServerProcess } from './apiserver-process.ts';
import { type CommandResult, Kubectl, whyNoKubectl } from './kubectl.ts';

const SCENARIOS = ['get', 'describe', 'write', 'delete', 'wait', 'watch', 'cluster'] as const;
const CORE = '/api/v1/namespaces';
const COORDINATION = '/apis/coordination.k8s.io/v1/namespaces';
const MERGE_PATCH = 'application/merge-patch+json';
/** Flags for server-side apply, which the embedded server refuses. */
const SERVER_SIDE = /--server-side/;

function leaseBody(name: string, labels: Readonly<Record<string, string>> = {}): object {
  const spec = {
    holderIdentity: 'candidate-a',
    leaseDurationSeconds: 15,
    acquireTime: '2026-03-01T10:00:00.000000Z',
    renewTime: '2026-03-01T10:00:00.000000Z',
    leaseTransitions: 0,
  };
  return { metadata: { name, labels }, spec };
}

function podBody(name: string, nodeName?: string): object {
  const containers = [{ name: 'main', image: 'example.invalid/app:1' }];
  return { metadata: { name }, spec: { containers, ...(nodeName === undefined ? {} : { nodeName }) } };
}

/** The commands of a recorded scenario. */
function recorded(scenario: string): readonly RecordedCommand[] {
  const client = readRecordings().find((recording) => recording.scenario === scenario)?.client;
  assert.ok(client !== undefined && client.length > 0);
  return client;
}

/**
 * Compares a result with the recorded output. Spaces that depend on the length of a namespace or on an age are ignored.
 */
function assertOutput({ command, ...expected }: RecordedCommand, actual: CommandResult, namespace: string): void {
  const exitCode = expected.exitCode === 'stopped' ? actual.exitCode : expected.exitCode;
  assert.equal(actual.exitCode, exitCode, `${command}: ${actual.stderr}`);
  const bindings = new Bindings();
  bindings.set('ns:1', namespace);
  const squeeze = (text: string): string => text.replace(/[ \t]+/g, ' ');
  // Newer versions of kubectl add words to the same message.
  const stdout = actual.stdout.replace(/ deleted from .* namespace$/gm, ' deleted');
  for (const [wanted, given] of [
    [expected.stdout, stdout],
    [expected.stderr ?? '', actual.stderr],
  ] as const) {
    const difference = bindings.match(squeeze(wanted), squeeze(given), 0);
    assert.equal(difference, undefined, command);
  }
}

describe('kubectl', { skip: whyNoKubectl(), concurrency: true, timeout: 120_000 }, () => {
  let server: ApiServerProcess;

  function kubectlFor(scenario: (typeof SCENARIOS)[number]): Kubectl {
    return new Kubectl(server.folder, server.kubeconfig, scenario);
  }

  before(async () => {
    server = await ApiServerProcess.start(SCENARIOS);
    // Fills the discovery cache, which all commands share.
    await kubectlFor('get').run('kubectl api-resources');
  });
  after(() => server.stop());

  test('kubectl get prints tables, YAML, JSON and names, and filters by selectors', async () => {
    await server.send('POST', `${COORDINATION}/get/leases`, leaseBody('election', { run: 'get' }));
    await server.send('POST', `${CORE}/get/pods`, podBody('web-0'));
    const kubectl = kubectlFor('get');
    const commands = recorded('kubectl-get');
    const results = commands.map(async (command) => {
      const words = command.command.replace('<ns:1>', 'get');
      assertOutput(command, await kubectl.run(words), 'get');
    });
    const yaml = kubectl.run('kubectl get lease election -o yaml').then(({ stdout }) => {
      assert.match(stdout, /^apiVersion: coordination\.k8s\.io\/v1\nkind: Lease\nmetadata:\n/);
      assert.match(stdout, /^ {2}renewTime: "2026-03-01T10:00:00\.000000Z"$/m);
    });
    await Promise.all([...results, yaml]);
  });

  test('describe', async () => {
    await server.send('POST', `${COORDINATION}/describe/leases`, leaseBody('election'));
    await server.send('POST', `${CORE}/describe/pods`, podBody('web-0'));
    const kubectl = kubectlFor('describe');
    const results = recorded('kubectl-describe').map(async (command) =>
      assertOutput(command, await kubectl.run(command.command), 'describe'),
    );
    await Promise.all(results);
  });

  test('kubectl creates, applies, patches, labels, annotates, replaces and deletes objects', async () => {
    const kubectl = kubectlFor('write');
    for (const command of recorded('kubectl-write')) {
      const result = await kubectl.run(command.command, command.stdin);
      if (!SERVER_SIDE.test(command.command)) assertOutput(command, result, 'write');
      else assert.match(result.stderr, /415|UnsupportedMediaType/);
    }
  });

  test('kubectl deletes Pods at once, after the kubelet, by force, and without waiting', async () => {
    await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) =>
        server.send('POST', `${CORE}/delete/pods`, podBody(name, name === 'a' ? undefined : 'no-such-node')),
      ),
    );
    const kubectl = kubectlFor('delete');
    const [a, b, c, d, now] = recorded('kubectl-delete-pod');
    assert.ok(a && b && c && d && now);
    const atOnce = [a, c].map(async (command) => assertOutput(command, await kubectl.run(command.command), 'delete'));
    const waiting = kubectl.start(b.command);
    await server.line(/^200 admin watch pods delete b$/m);
    await server.send('DELETE', `${CORE}/delete/pods/b?gracePeriodSeconds=0`);
    assertOutput(b, await waiting.result(), 'delete');
    for (const command of [d, now]) assertOutput(command, await kubectl.run(command.command), 'delete');
    await Promise.all(atOnce);
  });

  test('kubectl waits for a deletion, for a missing object, and for a value', async () => {
    const leases = `${COORDINATION}/wait/leases`;
    const kubectl = kubectlFor('wait');
    const [deleted, missing, changed] = recorded('kubectl-wait');
    assert.ok(deleted && missing && changed);
    await server.send('POST', leases, leaseBody('election'));
    const waiting = kubectl.start(deleted.command);
    await server.line(/^200 admin watch leases wait election$/m);
    await server.send('DELETE', `${leases}/election`);
    assertOutput(deleted, await waiting.result(), 'wait');
    assertOutput(missing, await kubectl.run(missing.command), 'wait');
    await server.send('POST', leases, leaseBody('election'));
    const forHolder = kubectl.start(changed.command);
    await server.line(/(?:^200 admin watch leases wait election$.*){2}/ms);
    await server.send('PATCH', `${leases}/election`, { spec: { holderIdentity: 'candidate-b' } }, MERGE_PATCH);
    assertOutput(changed, await forHolder.result(), 'wait');
  });

  test('kubectl get -w shows every object, and the deletion of one', async () => {
    const leases = `${COORDINATION}/watch/leases`;
    const kubectl = kubectlFor('watch');
    const [all, one] = recorded('kubectl-watch');
    assert.ok(all && one);
    await server.send('POST', leases, leaseBody('election'));
    const watching = kubectl.start(all.command);
    await server.line(/^200 admin watch leases watch $/m);
    await server.send('PATCH', `${leases}/election`, { spec: { holderIdentity: 'candidate-b' } }, MERGE_PATCH);
    await server.send('POST', leases, leaseBody('other'));
    const stdout = await watching.linesThenStop(all.stdout.trimEnd().split('\n').length, 10_000);
    assertOutput(all, { exitCode: null, stdout, stderr: '' }, 'watch');
    const watchingOne = kubectl.start(one.command);
    await server.line(/^200 admin watch leases watch election$/m);
    await server.send('PATCH', `${leases}/election`, { spec: { holderIdentity: 'candidate-c' } }, MERGE_PATCH);
    await server.send('DELETE', `${leases}/election`);
    const lines = await watchingOne.linesThenStop(one.stdout.trimEnd().split('\n').length, 10_000);
    assertOutput(one, { exitCode: null, stdout: lines, stderr: '' }, 'watch');
  });

  test('kubectl applies the roles and the service account of an election from a file', async () => {
    const kubectl = kubectlFor('cluster');
    const objects = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'made-by-kubectl' } },
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'app' } },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'app' },
        rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'app' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'app' },
        subjects: [{ kind: 'ServiceAccount', name: 'app', namespace: 'cluster' }],
      },
    ];
    const file = objects.map((object) => JSON.stringify(object)).join('\n');
    const names = [
      'namespace/made-by-kubectl',
      'serviceaccount/app',
      'role.rbac.authorization.k8s.io/app',
      'rolebinding.rbac.authorization.k8s.io/app',
    ];
    const expected = (word: string): string => names.map((name) => `${name} ${word}\n`).join('');
    assert.equal((await kubectl.run('kubectl apply -f -', file)).stdout, expected('created'));
    assert.equal((await kubectl.run('kubectl apply -f -', file)).stdout, expected('unchanged'));
  });
});

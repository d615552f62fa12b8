/**
 * Checks that kubectl and an API server accept the output of `lease-elector manifests` and the files in `deploy/`.
 */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ApiServerProcess } from './apiserver-process.ts';
import { Kubectl, whyNoKubectl } from './kubectl.ts';

const TOOL = path.join(import.meta.dirname, '../../src/command/main.ts');
const DEPLOY = path.join(import.meta.dirname, '../../deploy');

/** The name of each object in the output of kubectl. */
const NAMES = [
  'serviceaccount/shop',
  'role.rbac.authorization.k8s.io/shop-lease-elector',
  'rolebinding.rbac.authorization.k8s.io/shop-lease-elector',
  'networkpolicy.networking.k8s.io/shop-lease-elector',
  'poddisruptionbudget.policy/shop',
  'deployment.apps/shop',
  'validatingadmissionpolicy.admissionregistration.k8s.io/shop.prod.lease-elector',
  'validatingadmissionpolicybinding.admissionregistration.k8s.io/shop.prod.lease-elector',
];

function lines(suffix: string): string {
  return NAMES.map((name) => `${name} ${suffix}\n`).join('');
}

function printed(): string {
  const flags = ['--name', 'shop', '-n', 'prod', '--lease', 'nightly', '--with-admission-policy'];
  const { status, stdout, stderr } = spawnSync(process.execPath, [TOOL, 'manifests', ...flags], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout;
}

describe('manifests, with kubectl', { skip: whyNoKubectl(), concurrency: true, timeout: 120_000 }, () => {
  let server: ApiServerProcess;

  function kubectl(namespace: string): Kubectl {
    return new Kubectl(server.folder, server.kubeconfig, namespace);
  }

  before(async () => {
    server = await ApiServerProcess.start(['prod', 'default', 'shop']);
    await kubectl('default').run('kubectl api-resources');
  });
  after(() => server.stop());

  test('a server accepts the printed manifests in a dry run, at the first apply, and at the second', async () => {
    const text = printed();
    const dry = await kubectl('prod').run('kubectl apply --dry-run=server -f -', text);
    assert.deepEqual([dry.stdout, dry.stderr, dry.exitCode], [lines('created (server dry run)'), '', 0]);
    const none = await kubectl('prod').run('kubectl get deployments,networkpolicies,poddisruptionbudgets');
    assert.equal(none.stdout, '');
    assert.equal((await kubectl('prod').run('kubectl apply -f -', text)).stdout, lines('created'));
    const again = await kubectl('prod').run('kubectl apply -f -', text);
    // kubectl sends the selector of a budget each time, because its patch strategy is `replace`.
    assert.equal(
      again.stdout,
      lines('unchanged').replace('budget.policy/shop unchanged', 'budget.policy/shop configured'),
    );
  });

  test('a server accepts each file of deploy/', async () => {
    const files = globSync('{base,admission-policy}/*.yaml', { cwd: DEPLOY }).filter(
      (file) => path.basename(file) !== 'kustomization.yaml',
    );
    assert.equal(files.length, NAMES.length);
    const flags = files.map((file) => `-f ${path.join(DEPLOY, file)}`).join(' ');
    const { stdout, stderr, exitCode } = await kubectl('default').run(`kubectl apply --dry-run=server ${flags}`);
    assert.deepEqual([exitCode, stderr], [0, '']);
    assert.equal(stdout.trim().split('\n').length, files.length);
  });

  for (const [file, right, wrong, complaint] of [
    ['base/deployment.yaml', 'replicas:', 'replica:', /unknown field "spec\.replica"/],
    ['base/deployment.yaml', 'serviceAccountName:', 'serviceAccountNames:', /unknown field/],
    ['base/network-policy.yaml', 'egress:', 'egres:', /unknown field "spec\.egres"/],
    ['base/pod-disruption-budget.yaml', 'maxUnavailable: 1', 'maxUnavailble: 1', /unknown field/],
    ['admission-policy/policy.yaml', 'failurePolicy:', 'failPolicy:', /unknown field "spec\.failPolicy"/],
    ['admission-policy/binding.yaml', 'policyName:', 'policy:', /unknown field "spec\.policy"/],
  ] as const) {
    test(`a server refuses ${file} with ${wrong}`, async () => {
      const text = readFileSync(path.join(DEPLOY, file), 'utf8').replace(right, wrong);
      const { exitCode, stderr } = await kubectl('default').run('kubectl apply --dry-run=server -f -', text);
      assert.equal(exitCode, 1);
      assert.match(stderr, complaint);
    });
  }

  test('an overlay changes namespace, image and names, and adds the admission policy', async () => {
    const directory = path.join(server.folder, 'overlay');
    mkdirSync(directory);
    const [base, component] = ['base', 'admission-policy'].map((name) =>
      path.relative(directory, path.join(DEPLOY, name)),
    );
    writeFileSync(
      path.join(directory, 'kustomization.yaml'),
      `namespace: shop
namePrefix: web-
resources: [${base}]
components: [${component}]
labels:
- pairs:
    app.kubernetes.io/name: web
  includeSelectors: true
  includeTemplates: true
images:
- name: app
  newName: registry.example.com/web
  newTag: "2"
`,
    );
    const built = await kubectl('shop').run(`kubectl kustomize ${directory}`);
    assert.equal(built.exitCode, 0, built.stderr);
    assert.match(built.stdout, /image: registry\.example\.com\/web:2\n/);
    assert.match(built.stdout, /subjects:\n- kind: ServiceAccount\n {2}name: web-app\n {2}namespace: shop\n/);
    assert.match(built.stdout, /roleRef:\n(?: .*\n)* {2}name: web-app-lease-elector\n/);
    assert.match(built.stdout, /serviceAccountName: web-app\n/);
    assert.doesNotMatch(built.stdout, /app\.kubernetes\.io\/name: app$/m);
    // The label is in the Deployment, its Pods, its spread, the NetworkPolicy and the budget, and in the metadata of each object.
    assert.equal(built.stdout.match(/^ {6,}app\.kubernetes\.io\/name: web$/gm)?.length, 5);
    const applied = await kubectl('shop').run('kubectl apply --dry-run=server -f -', built.stdout);
    assert.deepEqual([applied.exitCode, applied.stderr], [0, '']);
    assert.match(applied.stdout, /deployment\.apps\/web-app created \(server dry run\)/);
    assert.match(applied.stdout, /validatingadmissionpolicybinding\S+ created/);
  });
});

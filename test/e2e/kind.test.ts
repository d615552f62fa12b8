/**
 * `npm run e2e:kind` when it cannot run or fails, and the configuration of its cluster. Scripts that record their
 * arguments replace the programs, so no cluster is created.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { readYaml } from '../../src/testing/formats/yaml.ts';

const PROGRAM = path.join(import.meta.dirname, 'kind.ts');
const CONFIG = new URL('../../kind-config.yaml', import.meta.url);
const TIMEOUT = { timeout: 60_000 };

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The calls of the programs, in order. */
  readonly calls: readonly string[];
  readonly filesLeft: readonly string[];
}

/** Runs `npm run e2e:kind` with only these programs. Each is the body of a shell script. */
async function run(t: TestContext, programs: Readonly<Record<string, string>>): Promise<Ended> {
  const directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-kind-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const [programsDirectory, temporary, log] = ['bin', 'tmp', 'calls'].map((name) => path.join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [programsDirectory, temporary]) mkdirSync(made);
  for (const [name, body] of Object.entries(programs)) {
    const script = `#!/bin/sh\necho "${name} $*" >> ${log}\n${body}\n`;
    writeFileSync(path.join(programsDirectory, name), script, { mode: 0o755 });
  }
  const child = spawn(process.execPath, [PROGRAM], { env: { PATH: programsDirectory, TMPDIR: temporary } });
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const calls = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  return { code, stdout, stderr, calls, filesLeft: readdirSync(temporary) };
}

const NPM = 'if [ "$1" = pack ]; then echo \'[{"filename":"lease-elector.tgz"}]\'; fi';

for (const [what, programs, complaint] of [
  ['Docker', {}, 'Docker does not run here. Install Docker and start its daemon'],
  [
    'the Docker daemon',
    { docker: 'exit 1', kind: '' },
    'Docker does not run here. Install Docker and start its daemon',
  ],
  ['kind', { docker: '' }, 'kind is not installed here. Install it from https://kind.sigs.k8s.io'],
  ['kubectl', { docker: '', kind: '' }, 'kubectl is not installed here. Install it'],
] as const) {
  test(`the run names the missing program and exits 2 without ${what}`, TIMEOUT, async (t) => {
    const { code, stdout, stderr, filesLeft } = await run(t, programs);
    assert.deepEqual([code, stdout, stderr], [2, '', `e2e:kind: ${complaint}. Nothing was tested\n`]);
    assert.deepEqual(filesLeft, []);
  });
}

test('the run removes the cluster and the image when the cluster cannot be created', TIMEOUT, async (t) => {
  const kind = 'if [ "$1" = create ]; then echo no space left >&2; exit 1; fi';
  const { code, stderr, calls, filesLeft } = await run(t, { docker: '', kind, kubectl: '', npm: NPM });
  assert.equal(code, 1);
  assert.match(stderr, /^e2e:kind: Command failed: kind create cluster [\s\S]*no space left/);
  const named = calls.map((call) => call.replaceAll(/lease-elector-[0-9a-f]{6}/g, 'NAME').replaceAll(/\/\S*\//g, ''));
  assert.deepEqual(named, [
    'docker info',
    'kind version',
    'kubectl version --client',
    'npm run build',
    'npm pack --json --ignore-scripts --pack-destination context',
    'npm install --package-lock-only ./lease-elector.tgz',
    'docker build --file Dockerfile --tag NAME:e2e context',
    'kind create cluster --name NAME --config kind-config.yaml --kubeconfig kubeconfig --wait 300s',
    'kind delete cluster --name NAME',
    'docker image rm --force NAME:e2e',
  ]);
  assert.deepEqual(filesLeft, []);
});

test('the run creates no cluster when the image cannot be built', TIMEOUT, async (t) => {
  const docker = 'if [ "$1" = build ]; then exit 1; fi';
  const { code, calls } = await run(t, { docker, kind: '', kubectl: '', npm: NPM });
  assert.equal(code, 1);
  assert.deepEqual(
    calls.filter((call) => /^kind (?!version)/.test(call)),
    [],
  );
});

test('the run names the command when it cannot remove something', TIMEOUT, async (t) => {
  const { code, stderr } = await run(t, { docker: '', kind: '[ "$1" = version ]', kubectl: '', npm: NPM });
  assert.equal(code, 1);
  assert.match(stderr, /not everything could be removed\. Run kind delete cluster --name lease-elector-[0-9a-f]{6} /);
});

test('the run removes the cluster on Ctrl-C during its creation', TIMEOUT, async (t) => {
  const kind = 'if [ "$1" = create ]; then kill -INT $PPID; exec /bin/sleep 50; fi';
  const { code, calls, filesLeft } = await run(t, { docker: '', kind, kubectl: '', npm: NPM });
  assert.equal(code, 130);
  assert.equal(calls.filter((call) => /^kind delete cluster --name lease-elector-/.test(call)).length, 1);
  assert.deepEqual(filesLeft, []);
});

/** The fields that https://kind.sigs.k8s.io/docs/user/configuration documents. */
const CLUSTER_FIELDS = [
  'kind',
  'apiVersion',
  'name',
  'nodes',
  'networking',
  'featureGates',
  'runtimeConfig',
  'kubeadmConfigPatches',
  'kubeadmConfigPatchesJSON6902',
  'containerdConfigPatches',
  'containerdConfigPatchesJSON6902',
];
const NODE_FIELDS = [
  'role',
  'image',
  'labels',
  'extraMounts',
  'extraPortMappings',
  'kubeadmConfigPatches',
  'kubeadmConfigPatchesJSON6902',
];

test('kind-config.yaml has one control plane and two workers', () => {
  const config = readYaml(readFileSync(CONFIG, 'utf8')) as Record<string, unknown>;
  assert.deepEqual([config['kind'], config['apiVersion']], ['Cluster', 'kind.x-k8s.io/v1alpha4']);
  assert.deepEqual(
    Object.keys(config).filter((field) => !CLUSTER_FIELDS.includes(field)),
    [],
  );
  const nodes = config['nodes'] as readonly Record<string, unknown>[];
  assert.deepEqual(
    nodes.map(({ role }) => role),
    ['control-plane', 'worker', 'worker'],
  );
  assert.deepEqual(
    nodes.flatMap(Object.keys).filter((field) => !NODE_FIELDS.includes(field)),
    [],
  );
});

/**
 * `lease-elector manifests`, and the files in `deploy/`: both contain the objects of installation.ts, and fit the elector.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runCommandLine } from '../../src/command/command-line.ts';
import {
  admissionPolicy,
  ENDPOINT_PORT,
  type InstallationSettings,
  installation,
  manifestStream,
  TERMINATION_GRACE_PERIOD_SECONDS,
} from '../../src/command/installation.ts';
import { DEFAULT_ENDPOINT_PORT } from '../../src/endpoint/leader-server.ts';
import { DEFAULT_DRAIN_TIMEOUT_MS, DEFAULT_REQUEST_TIMEOUT_MS } from '../../src/options.ts';
import { readYaml } from '../../src/testing/formats/yaml.ts';
import { ELECTOR_RULES } from '../../src/testing/index.ts';
import { deployFiles } from '../../tools/manifests.ts';

const DEPLOY = new URL('../../deploy/', import.meta.url);
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

const SETTINGS: InstallationSettings = {
  name: 'shop',
  namespace: 'prod',
  image: 'registry.example.com/shop@sha256:00',
  lease: 'nightly',
};

interface Ended {
  readonly code: number;
  readonly written: string;
  readonly complained: string;
}

async function run(...args: readonly string[]): Promise<Ended> {
  let [written, complained] = ['', ''];
  const code = await runCommandLine(['manifests', ...args], {
    write: (text) => {
      written += text;
    },
    complain: (text) => {
      complained += text;
    },
    interrupted: new AbortController().signal,
  });
  return { code, written, complained };
}

/** A field of an object, by its path. */
function at(object: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], object);
}

function objectOf(kind: string, settings: InstallationSettings = SETTINGS): unknown {
  const found = [...installation(settings), ...admissionPolicy(settings)].find(({ object }) => object['kind'] === kind);
  assert.ok(found, kind);
  return found.object;
}

const ARGUMENTS = ['--name', 'shop', '-n', 'prod', '--image', SETTINGS.image, '--lease', 'nightly'];

test('the command prints the installation as one YAML stream', async () => {
  assert.deepEqual(await run(...ARGUMENTS), {
    code: 0,
    written: manifestStream(installation(SETTINGS)),
    complained: '',
  });
});

test('the command prints the admission policy only with its option', async () => {
  const { written } = await run(...ARGUMENTS, '--with-admission-policy');
  assert.equal(written, manifestStream([...installation(SETTINGS), ...admissionPolicy(SETTINGS)]));
  assert.doesNotMatch((await run(...ARGUMENTS)).written, /ValidatingAdmissionPolicy/);
});

test('each printed document parses as its object', async () => {
  const { written } = await run(...ARGUMENTS, '--with-admission-policy');
  const objects = [...installation(SETTINGS), ...admissionPolicy(SETTINGS)].map(({ object }) => object);
  assert.deepEqual(written.split('---\n').map(readYaml), objects);
});

test('the image and the Lease have the name of the application by default', async () => {
  const settings = { name: 'shop', namespace: 'prod', image: 'shop:latest', lease: 'shop' };
  const { written } = await run('--name', 'shop', '--namespace', 'prod');
  assert.equal(written, manifestStream(installation(settings)));
  assert.doesNotMatch(written, /NAIS_APP_NAME/);
});

test('the option for the Lease reaches the elector and the admission policy', () => {
  const [container] = at(objectOf('Deployment'), 'spec', 'template', 'spec', 'containers') as [object];
  assert.deepEqual(at(container, 'env'), [{ name: 'NAIS_APP_NAME', value: 'nightly' }]);
  assert.match(
    JSON.stringify(objectOf('ValidatingAdmissionPolicy')),
    /"expression":"object\.metadata\.name == 'nightly'"/,
  );
});

test('the manifests contain no default name when all names are given', async () => {
  const { written } = await run(...ARGUMENTS, '--with-admission-policy');
  const text = written.replaceAll('app.kubernetes.io', '').replaceAll('- name: app\n', '');
  assert.doesNotMatch(text.replaceAll(/^#.*$/gm, ''), /\bdefault\b|\bapp\b|undefined/);
});

for (const [args, complaint] of [
  [['-n', 'prod'], /--name is missing: expected at most 46 lower-case letters/],
  [['--name', 'shop'], /--namespace is missing: expected at most 63 lower-case letters/],
  [['--name', 'Shop', '-n', 'prod'], /--name "Shop" cannot be used: expected at most 46 lower-case/],
  [['--name', 'shop.eu', '-n', 'prod'], /--name "shop.eu" cannot be used/],
  [['--name', '-shop', '-n', 'prod'], /manifests: .*'--name'.* ambiguous/],
  [['--name', 'x'.repeat(47), '-n', 'prod'], /--name "x+" cannot be used/],
  [['--name', '', '-n', 'prod'], /--name "" cannot be used/],
  [['--name', 'shop\nkind: Pod', '-n', 'prod'], /--name "shop\\nkind: Pod" cannot be used/],
  [['--name', 'shop', '-n', 'prod.eu'], /--namespace "prod.eu" cannot be used/],
  [['--name', 'shop', '-n', 'prod', '--lease', "x' || true"], /--lease "x' \|\| true" cannot be used/],
  [['--name', 'shop', '-n', 'prod', '--image', 'a b'], /--image "a b" cannot be used: expected an image such as/],
  [['--name', 'shop', '-n', 'prod', '--replicas', '3'], /^lease-elector manifests: unknown option --replicas\.\n/],
  [['shop'], /Unexpected argument 'shop'/],
] as readonly (readonly [args: readonly string[], complaint: RegExp])[]) {
  test(`manifests ${JSON.stringify(args).slice(0, 60)} is a usage error`, async () => {
    const { code, written, complained } = await run(...args);
    assert.deepEqual([code, written], [2, '']);
    assert.match(complained, complaint);
    assert.match(complained, /^lease-elector manifests: [\s\S]*\n\nUsage: lease-elector manifests --name APP/);
  });
}

test('the files in deploy/ are those that npm run manifests writes', () => {
  const expected = deployFiles();
  const directories = [...new Set([...expected.keys()].map((file) => file.split('/')[0] ?? ''))];
  const found = directories.flatMap((name) =>
    readdirSync(new URL(`${name}/`, DEPLOY)).map((file) => `${name}/${file}`),
  );
  assert.deepEqual(found.sort(), [...expected.keys()].sort());
  for (const [file, text] of expected) {
    assert.equal(readFileSync(new URL(file, DEPLOY), 'utf8'), text, `${file}: run npm run manifests`);
  }
});

test('the Role is the one that the code exports and the README shows', () => {
  assert.deepEqual(at(objectOf('Role'), 'rules'), ELECTOR_RULES);
  const [, shown = ''] = /```yaml\n(apiVersion: rbac[\s\S]*?)---\n/.exec(README) ?? [];
  const inJson = shown.replace(/\[(.*)\]/g, (_list, items: string) =>
    JSON.stringify(items.split(', ').map((item) => item.replaceAll("'", ''))),
  );
  assert.deepEqual(at(readYaml(inJson), 'rules'), ELECTOR_RULES);
});

test('each namespaced object is in the namespace of the application, and selects its Pods', () => {
  for (const { object } of installation(SETTINGS)) {
    assert.equal(at(object, 'metadata', 'namespace'), 'prod', String(object['kind']));
  }
  const labels = { 'app.kubernetes.io/name': 'shop' };
  assert.deepEqual(at(objectOf('Deployment'), 'spec', 'template', 'metadata', 'labels'), labels);
  assert.deepEqual(at(objectOf('Deployment'), 'spec', 'selector'), { matchLabels: labels });
  assert.deepEqual(at(objectOf('NetworkPolicy'), 'spec', 'podSelector'), { matchLabels: labels });
  assert.deepEqual(at(objectOf('PodDisruptionBudget'), 'spec', 'selector'), { matchLabels: labels });
});

test('the container has as few privileges as possible', () => {
  const pod = at(objectOf('Deployment'), 'spec', 'template', 'spec');
  assert.equal(at(pod, 'securityContext', 'runAsNonRoot'), true);
  assert.ok(Number(at(pod, 'securityContext', 'runAsUser')) > 0);
  assert.deepEqual(at(pod, 'securityContext', 'seccompProfile'), { type: 'RuntimeDefault' });
  assert.deepEqual(at(pod, 'containers', 0, 'securityContext'), {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
});

test('the probes read the endpoint of the elector', () => {
  assert.equal(ENDPOINT_PORT, DEFAULT_ENDPOINT_PORT);
  const container = at(objectOf('Deployment'), 'spec', 'template', 'spec', 'containers', 0);
  assert.deepEqual(at(container, 'ports'), [{ name: 'elector', containerPort: ENDPOINT_PORT }]);
  assert.deepEqual(at(container, 'livenessProbe', 'httpGet'), { path: '/healthz', port: 'elector' });
  assert.deepEqual(at(container, 'readinessProbe', 'httpGet'), { path: '/readyz', port: 'elector' });
});

test('the kubelet waits for the work and for the two requests of a release', () => {
  const neededMs = DEFAULT_DRAIN_TIMEOUT_MS + 2 * DEFAULT_REQUEST_TIMEOUT_MS;
  assert.ok(TERMINATION_GRACE_PERIOD_SECONDS * 1_000 > neededMs);
  const pod = at(objectOf('Deployment'), 'spec', 'template', 'spec');
  assert.equal(at(pod, 'terminationGracePeriodSeconds'), TERMINATION_GRACE_PERIOD_SECONDS);
});

test('the image runs node as process 1, without root, from a stage with npm ci', () => {
  const lines = readFileSync(new URL('Dockerfile', DEPLOY), 'utf8').split('\n');
  const stages = lines.filter((line) => line.startsWith('FROM '));
  assert.equal(stages.length, 2);
  assert.match(stages[1] ?? '', /^FROM gcr\.io\/distroless\/nodejs24-debian\d+:nonroot$/);
  const last = lines.slice(lines.indexOf(stages[1] ?? ''));
  assert.ok(lines.some((line) => /^RUN npm ci\b/.test(line)));
  assert.ok(!last.some((line) => line.startsWith('RUN ')), 'the last stage has no shell');
  const command = last.filter((line) => /^(?:ENTRYPOINT|CMD) /.test(line)).map((line) => line.replace(/^\w+ /, ''));
  assert.deepEqual(
    command.flatMap((text) => JSON.parse(text)),
    ['/nodejs/bin/node', 'main.js'],
  );
  const user = at(objectOf('Deployment'), 'spec', 'template', 'spec', 'securityContext', 'runAsUser');
  assert.ok(last.includes(`USER ${user}:${user}`));
});

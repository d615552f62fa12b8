/**
 * The signs of a cluster. Outside of a cluster a process may lead alone, so one sign is enough, and only the proven
 * absence of every sign counts as none.
 */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type Environment,
  isPath,
  podCredentials,
  SERVICE_ACCOUNT_DIRECTORY,
  seemsInPod,
} from '../../src/kube/credentials.ts';
import { ManualClock } from '../worlds/manual-clock.ts';

const NO_CLUSTER = 'ERR_LEASE_ELECTOR_NO_CLUSTER';
const BROKEN = 'ERR_LEASE_ELECTOR_CREDENTIALS';

/** A directory that does not exist, and whose parent does. */
const ABSENT = join(tmpdir(), 'no-service-account');

function serviceAccount(
  t: TestContext,
  files: Readonly<Record<string, string>> = { token: 'abc', 'ca.crt': 'ca' },
): string {
  const directory = mkdtempSync(join(tmpdir(), 'service-account-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

const read = (environment: Environment, directory: string) => podCredentials(environment, directory, new ManualClock());

const IN_POD = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

for (const [environment, isSign] of [
  [{ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, true],
  [{ KUBERNETES_SERVICE_PORT: '443' }, true],
  [{ KUBERNETES_SERVICE_PORT_HTTPS: '443' }, true],
  [{ KUBERNETES_PORT: 'tcp://10.0.0.1:443' }, true],
  [{ KUBERNETES_PORT_443_TCP: 'tcp://10.0.0.1:443' }, true],
  [{ KUBERNETES_SERVICE_HOST: '' }, false],
  [{ KUBERNETES_SERVICES: 'x' }, false],
  [{ MY_KUBERNETES_PORT: 'x' }, false],
  [{ KUBERNETES: 'x' }, false],
  [{}, false],
] as const) {
  test(`${JSON.stringify(environment)} is ${isSign ? 'a sign' : 'no sign'} of a cluster`, () => {
    assert.equal(seemsInPod(environment, ABSENT), isSign);
    assert.throws(() => read(environment, ABSENT), { code: isSign ? BROKEN : NO_CLUSTER });
  });
}

test('the error names the variable that shows the cluster', () => {
  assert.throws(() => read({ KUBERNETES_PORT: 'tcp://10.0.0.1:443' }, ABSENT), {
    code: BROKEN,
    message:
      'This process runs in a Pod, since KUBERNETES_PORT is set, but the address of the API server is missing. Set KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, as the kubelet does, or give the option `kubeConfig`. In a cluster no process leads alone, not even with `local: true`.',
  });
});

test('a directory of a service account is a sign of a cluster, and the error names it', (t) => {
  const directory = serviceAccount(t, {});
  assert.equal(seemsInPod({}, directory), true);
  assert.throws(() => read({}, directory), {
    code: BROKEN,
    message: new RegExp(`since the service account directory ${directory} exists`),
  });
});

test('the directory of a service account is that of the kubelet', () => {
  assert.equal(SERVICE_ACCOUNT_DIRECTORY, '/var/run/secrets/kubernetes.io/serviceaccount');
});

test('a link that leads nowhere is a sign of a cluster', (t) => {
  const link = join(serviceAccount(t, {}), 'link');
  symlinkSync('/does/not/exist', link);
  assert.equal(seemsInPod({}, link), true);
});

test('a path below a file is no sign of a cluster', (t) => {
  assert.equal(seemsInPod({}, join(serviceAccount(t), 'token', 'directory')), false);
});

test('a path that cannot be examined is a sign of a cluster', (t) => {
  // The name is longer than a file system accepts, so it is unknown whether it exists (ENAMETOOLONG).
  assert.equal(seemsInPod({}, join(serviceAccount(t), 'x'.repeat(300))), true);
});

for (const environment of [
  { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '' },
  { KUBERNETES_SERVICE_HOST: '', KUBERNETES_SERVICE_PORT: '443' },
  { KUBERNETES_SERVICE_HOST: '10.0.0.1' },
  { KUBERNETES_SERVICE_PORT: '443' },
]) {
  test(`half of an address is an error: ${JSON.stringify(environment)}`, (t) => {
    assert.throws(() => read(environment, serviceAccount(t)), {
      code: BROKEN,
      message: /the address of the API server is missing/,
    });
  });
}

for (const port of ['x', '443x', 'x443', '123456', '-1', '4.5', ' 443']) {
  test(`${JSON.stringify(port)} is no port`, (t) => {
    assert.throws(() => read({ ...IN_POD, KUBERNETES_SERVICE_PORT: port }, serviceAccount(t)), {
      code: BROKEN,
      message: `KUBERNETES_SERVICE_PORT is not a port: ${JSON.stringify(port)}`,
    });
  });
}

for (const [host, hostname] of [
  ['10.0.0.1', '10.0.0.1'],
  ['fd00::1', 'fd00::1'],
  ['[fd00::1]', 'fd00::1'],
  ['kubernetes.default.svc', 'kubernetes.default.svc'],
  // Only brackets around the whole address are removed, so that a message shows an invalid address as it is.
  ['a]b[c', 'a]b[c'],
] as const) {
  test(`the address of the API server is read: ${host}`, (t) => {
    const directory = serviceAccount(t);
    const { server, source } = read({ ...IN_POD, KUBERNETES_SERVICE_HOST: host }, directory);
    assert.deepEqual(server, { protocol: 'https:', hostname, port: 443, basePath: '' });
    assert.equal(source, `service account ${directory}`);
  });
}

test('the namespace is the text of its file, and null when there is no file or no text', (t) => {
  const namespaceOf = (files: Readonly<Record<string, string>>): string | null =>
    read(IN_POD, serviceAccount(t, { token: 'abc', 'ca.crt': 'ca', ...files })).defaultNamespace();
  assert.equal(namespaceOf({ namespace: 'shop' }), 'shop');
  assert.equal(namespaceOf({ namespace: '' }), null);
  assert.equal(namespaceOf({}), null);
});

test('a token that was refused is read again although its file seems unchanged', async (t) => {
  const directory = serviceAccount(t);
  const token = join(directory, 'token');
  // The size and the time of the file stay the same.
  utimesSync(token, 1_000, 1_000);
  const credentials = read(IN_POD, directory);
  const tokenOf = async (): Promise<unknown> => (await credentials.authorize()).headers['authorization'];
  assert.equal(await tokenOf(), 'Bearer abc');
  writeFileSync(token, 'xyz');
  utimesSync(token, 1_000, 1_000);
  assert.equal(await tokenOf(), 'Bearer abc', 'the files are checked once a second');
  credentials.distrust();
  assert.equal(await tokenOf(), 'Bearer xyz');
});

test('the credentials that were read before stay when a file has become unreadable', async (t) => {
  const directory = serviceAccount(t);
  const credentials = read(IN_POD, directory);
  rmSync(join(directory, 'token'));
  mkdirSync(join(directory, 'token'));
  credentials.distrust();
  assert.equal((await credentials.authorize()).headers['authorization'], 'Bearer abc');
  chmodSync(directory, 0o700);
});

for (const [text, isSo] of [
  ['/etc/kubeconfig', true],
  ['{a}/config', false],
  ['  {"apiVersion": "v1"}', false],
  ['a{b}', true],
  ['apiVersion: v1\nkind: Config', false],
  ['C:\\config', true],
] as const) {
  test(`${JSON.stringify(text)} ${isSo ? 'can' : 'cannot'} be a path`, () => assert.equal(isPath(text), isSo));
}

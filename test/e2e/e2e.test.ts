/**
 * `npm run e2e` against the embedded server as a process of its own: the scenarios, and that nothing stays behind.
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ApiServer, NAMESPACES } from '../../src/testing/index.ts';
import { ApiServerProcess } from '../kubectl/apiserver-process.ts';
import { type Leadership, overlapsOf } from './leadership-overlap.ts';
import { SCENARIOS } from './scenarios.ts';

const PROGRAM = path.join(import.meta.dirname, 'run.ts');
const TIMEOUT = { timeout: 110_000 };

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm run e2e` with temporary files of its own, and acts once it has reported something. */
async function run(
  t: TestContext,
  kubeconfig: string | undefined,
  flags: readonly string[] = [],
  act?: { readonly on: string; readonly do: (child: ChildProcess) => void },
): Promise<Ended & { readonly filesLeft: readonly string[] }> {
  const temporary = directoryOf(t);
  const child = spawn(process.execPath, [PROGRAM, ...flags], {
    env: {
      PATH: process.env['PATH'] ?? '',
      TMPDIR: temporary,
      NODE_COMPILE_CACHE: path.join(import.meta.dirname, '../../node_modules/.cache/compile'),
      ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }),
    },
  });
  t.after(() => child.kill('SIGKILL'));
  let [stdout, stderr, hasActed] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (act === undefined || hasActed || !stderr.includes(act.on)) return;
    hasActed = true;
    act.do(child);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr, filesLeft: readdirSync(temporary) };
}

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-e2e-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A cluster in this process, and its kubeconfig as a file. */
async function embedded(t: TestContext): Promise<{ readonly cluster: ApiServer; readonly kubeconfig: string }> {
  const cluster = new ApiServer();
  await cluster.start({ host: '127.0.0.1' });
  t.after(() => cluster.stop());
  const kubeconfig = path.join(directoryOf(t), 'kubeconfig');
  writeFileSync(kubeconfig, cluster.kubeconfig());
  return { cluster, kubeconfig };
}

/** The namespaces of runs that the cluster still has. */
function namespacesLeft(cluster: ApiServer): readonly string[] {
  const names = cluster.store.list(NAMESPACES).map(({ metadata }) => metadata.name);
  return names.filter((name) => name.startsWith('lease-elector-e2e-'));
}

test('each scenario passes, and nothing stays behind', TIMEOUT, async (t) => {
  const server = await ApiServerProcess.start([]);
  t.after(() => server.stop());
  const { code, stdout, stderr, filesLeft } = await run(t, server.kubeconfig, ['--patience', '20']);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^scenario +expected +observed +time$/m);
  for (const { name, expected } of SCENARIOS) {
    assert.ok(new RegExp(`^${name} +${expected} .* \\d+\\.\\d s$`, 'm').test(stdout), `${name}\n${stdout}`);
  }
  const [, namespace = ''] = /namespace (\S+) removed\n$/.exec(stdout) ?? [];
  await assert.rejects(server.send('GET', `/api/v1/namespaces/${namespace}`), /: 404$/);
  assert.deepEqual(filesLeft, []);
});

test('a scenario that fails ends the run, and nothing stays behind', TIMEOUT, async (t) => {
  const { cluster, kubeconfig } = await embedded(t);
  cluster.addWebhook({ name: 'policy.example.com', verbs: 'create', resource: 'leases', deny: { code: 400 } });
  const { code, stdout, filesLeft } = await run(t, kubeconfig, ['--patience', '3']);
  assert.equal(code, 1, stdout);
  assert.match(stdout, /^election .* FAILED: not within 3 s: /m);
  assert.equal(stdout.match(/ not run$/gm)?.length, SCENARIOS.length - 1, stdout);
  assert.deepEqual([namespacesLeft(cluster), filesLeft], [[], []]);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends the run, and nothing stays behind`, TIMEOUT, async (t) => {
    const { cluster, kubeconfig } = await embedded(t);
    const act = { on: '✓ step down', do: (child: ChildProcess) => child.kill(signal) };
    const { code, stdout, filesLeft } = await run(t, kubeconfig, [], act);
    assert.equal(code, 130, stdout);
    assert.match(stdout, /^rolling replacement .* not run$/m);
    assert.deepEqual([namespacesLeft(cluster), filesLeft], [[], []]);
  });
}

test('a namespace that cannot be made is a failure, and says what to grant', TIMEOUT, async (t) => {
  const { cluster, kubeconfig } = await embedded(t);
  cluster.addWebhook({ name: 'policy.example.com', verbs: 'create', resource: 'namespaces', deny: { code: 403 } });
  const { code, stderr, filesLeft } = await run(t, kubeconfig);
  assert.equal(code, 1);
  assert.match(stderr, /^e2e: no namespace could be made: 403 .*\. Grant create on namespaces\n$/);
  assert.deepEqual(filesLeft, []);
});

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
  ['a KUBECONFIG that is no kubeconfig', '{', /^e2e: KUBECONFIG cannot be read: /],
  [
    'a server without https',
    kubeconfigWith({ server: 'http://127.0.0.1:1' }),
    /^e2e: the server of the kubeconfig is /,
  ],
  ['a server behind a path', kubeconfigWith({ server: 'https://rancher.example.com/k8s/c' }), /a host and a port/],
  ['no authority', kubeconfigWith({ server: 'https://127.0.0.1:1' }), /names no certificate-authority/],
] as const) {
  test(`${what}: the run says so, and exits 2`, TIMEOUT, async (t) => {
    const kubeconfig = path.join(directoryOf(t), 'kubeconfig');
    if (content !== undefined) writeFileSync(kubeconfig, content);
    const { code, stdout, stderr } = await run(t, content === undefined ? undefined : kubeconfig);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, complaint);
  });
}

const NEVER = Number.POSITIVE_INFINITY;

function life(podName: string, changes: readonly [string, number][], endedAtMs = NEVER, isGhost = false): Leadership {
  return { podName, reports: changes.map(([event, atMs]) => ({ event, atMs })), endedAtMs, isGhost };
}

for (const [what, processes, expected] of [
  [
    'one after the other',
    [
      life('a', [
        ['elected', 1],
        ['demoted', 2],
      ]),
      life('b', [['elected', 3]]),
    ],
    [],
  ],
  ['one after the end of the other', [life('a', [['elected', 1]], 2), life('b', [['elected', 3]])], []],
  ['one beside a ghost', [life('a', [['elected', 1]], NEVER, true), life('b', [['elected', 3]])], []],
  ['two', [life('a', [['elected', 1]]), life('b', [['elected', 3]])], ['b was elected while a led']],
  ['two, until one ends', [life('a', [['elected', 1]], 4), life('b', [['elected', 3]])], ['b was elected while a led']],
] as const) {
  test(`leadership of ${what} is seen as it is`, () => {
    assert.deepEqual(overlapsOf(processes as readonly Leadership[]), expected);
  });
}

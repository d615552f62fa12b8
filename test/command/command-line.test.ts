/**
 * Checks the executable `lease-elector`: help, unknown verbs and exit codes.
 */

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runCommandLine } from '../../src/command/command-line.ts';

interface Ended {
  readonly code: number;
  readonly written: string;
  readonly complained: string;
}

/** Runs a command line in this process, and ends it after it has written `until`. */
async function run(args: readonly string[], until?: string): Promise<Ended> {
  const interruption = new AbortController();
  let [written, complained] = ['', ''];
  const code = await runCommandLine(args, {
    write: (text) => {
      written += text;
      if (until !== undefined && written.includes(until)) interruption.abort();
    },
    complain: (text) => {
      complained += text;
    },
    interrupted: interruption.signal,
  });
  return { code, written, complained };
}

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-command-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

for (const flag of ['--help', '-h', 'help']) {
  test(`${flag} lists the verbs`, async () => {
    const { code, written, complained } = await run([flag]);
    assert.deepEqual([code, complained], [0, '']);
    assert.match(written, /^Usage: lease-elector VERB.*\n\n {2}explain {5}explain why there is or is not a leader/);
    assert.match(
      written,
      /\n {2}list {8}\S.*\n {2}watch {7}\S.*\n {2}apiserver {3}run a Kubernetes API server in memory/,
    );
  });
}

for (const flag of ['--help', '-h']) {
  test(`apiserver ${flag} lists its options`, async () => {
    const { code, written } = await run(['apiserver', '--port', 'x', flag]);
    assert.equal(code, 0);
    assert.match(written, /^Usage: lease-elector apiserver[\s\S]*--kubeconfig FILE/);
  });
}

for (const [args, complaint] of [
  [[], /^A verb is missing\.\n\nUsage: lease-elector VERB/],
  [['apisever'], /^There is no verb "apisever"\. Did you mean apiserver\?\n\nUsage: lease-elector VERB/],
  [['frobnicate'], /^There is no verb "frobnicate"\.\n\nUsage/],
  [['constructor'], /^There is no verb "constructor"\.\n/],
  [['--port', '1'], /^There is no verb "--port"\.\n/],
  [
    ['apiserver', '--prot', '1'],
    /^lease-elector apiserver: unknown option --prot\. Did you mean --port\?\n\nUsage: lease-elector apiserver/,
  ],
  ...['explain', 'list', 'watch', 'manifests'].map(
    (verb) =>
      [
        [verb, '--namspace', 'demo'],
        new RegExp(`^lease-elector ${verb}: unknown option --namspace\\. Did you mean --namespace\\?\\n\\nUsage`),
      ] as const,
  ),
  [
    ['explain', '--namspace=demo'],
    /^lease-elector explain: unknown option --namspace\. Did you mean --namespace\?\n\nUsage/,
  ],
  [['list', '-An', 'demo', '-x'], /^lease-elector list: unknown option -x\.\n\nUsage/],
  [['list', '--hlep'], /^lease-elector list: unknown option --hlep\. Did you mean --help\?\n/],
  [['list', '--frobnicate'], /^lease-elector list: unknown option --frobnicate\.\n\nUsage/],
  [['explain', '--namespace'], /^lease-elector explain: Option '-n, --namespace <value>' argument missing\n\nUsage/],
  [
    ['apiserver', '--port', '70000'],
    /^lease-elector apiserver: --port 70000 is not a port: expected a number from 0 to 65535\n\nUsage/,
  ],
  [['apiserver', 'extra'], /^lease-elector apiserver: Unexpected argument 'extra'/],
] as readonly (readonly [args: readonly string[], complaint: RegExp])[]) {
  test(`"${args.join(' ')}" is a usage error`, async () => {
    const { code, written, complained } = await run(args);
    assert.deepEqual([code, written], [2, '']);
    assert.match(complained, complaint);
  });
}

test('apiserver serves until it is interrupted, and only its owner can read its kubeconfig', async (t) => {
  const kubeconfig = join(directoryOf(t), 'made', 'kubeconfig');
  const { code, written, complained } = await run(['apiserver', '--kubeconfig', kubeconfig], 'get leases');
  assert.deepEqual([code, complained], [0, '']);
  assert.match(
    written,
    /^API server: https:\/\/127\.0\.0\.1:\d+\nadmin token: \S+\nkubectl --kubeconfig \S+ get leases\n$/,
  );
  assert.equal(statSync(kubeconfig).mode & 0o777, 0o600);
});

test('the kubeconfig of apiserver has the first namespace as its default, and its directory is ignored by git', async (t) => {
  const directory = join(directoryOf(t), '.apiserver');
  const kubeconfig = join(directory, 'kubeconfig');
  const args = ['apiserver', '--kubeconfig', kubeconfig, '--namespace', 'demo', '--namespace', 'other'];
  assert.equal((await run(args, 'get leases')).code, 0);
  const { contexts } = JSON.parse(readFileSync(kubeconfig, 'utf8'));
  assert.equal(contexts[0].context.namespace, 'demo');
  assert.equal(readFileSync(join(directory, '.gitignore'), 'utf8'), '*\n');
  writeFileSync(join(directory, '.gitignore'), 'kept\n');
  await run(args, 'get leases');
  assert.equal(readFileSync(join(directory, '.gitignore'), 'utf8'), 'kept\n');
});

test('apiserver adds no .gitignore to a directory that existed, and uses the namespace default', async (t) => {
  const directory = directoryOf(t);
  const kubeconfig = join(directory, 'kubeconfig');
  await run(['apiserver', '--kubeconfig', kubeconfig], 'get leases');
  assert.equal(JSON.parse(readFileSync(kubeconfig, 'utf8')).contexts[0].context.namespace, 'default');
  assert.equal(existsSync(join(directory, '.gitignore')), false);
});

test('apiserver fails and leaves nothing open when it cannot listen or cannot write', async (t) => {
  const directory = directoryOf(t);
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  t.after(() => other.close());
  const port = String((other.address() as { port: number }).port);
  const taken = await run(['apiserver', '--port', port, '--kubeconfig', join(directory, 'kubeconfig')]);
  assert.equal(taken.code, 1);
  assert.match(taken.complained, /^lease-elector apiserver: .*EADDRINUSE.*\n$/);
  writeFileSync(join(directory, 'file'), '');
  const unwritable = await run(['apiserver', '--kubeconfig', join(directory, 'file', 'kubeconfig')]);
  assert.equal(unwritable.code, 1);
  assert.match(unwritable.complained, /^lease-elector apiserver: (ENOTDIR|EEXIST)/);
});

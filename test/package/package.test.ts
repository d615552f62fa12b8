/**
 * The package as it is published: its files, its dependencies, its public names and its types, as a program that
 * depends on it gets them.
 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundle } from '../../tools/build.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

/** A directory with a program in it that has installed the package. */
let consumer = '';
let installed = '';
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

before(async () => {
  consumer = mkdtempSync(join(tmpdir(), 'lease-elector-package-'));
  installed = join(consumer, 'node_modules/lease-elector');
  const dist = join(installed, 'dist');
  // As `npm run build` does, but elsewhere.
  const declarations = run(process.execPath, [TSC, '-p', 'tools/tsconfig.build.json', '--outDir', dist], { cwd: ROOT });
  await Promise.all([declarations, bundle(dist)]);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
    cpSync(join(ROOT, name), join(installed, name));
  }
  linkDependencies();
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module" }');
});

after(() => rmSync(consumer, { recursive: true, force: true }));

/** What `npm install lease-elector` would bring along, and the types of Node.js that every program has. */
function linkDependencies(): void {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  for (const [path, { dev }] of Object.entries(packages)) {
    const nested = path.split('node_modules/').length > 2;
    if (path === '' || dev === true || nested) continue;
    mkdirSync(dirname(join(consumer, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(consumer, path));
  }
}

/** All files below a directory, by their paths from there. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/** Type-checks a program of the consumer; what the compiler says. */
async function check(program: string, skipLibCheck = false): Promise<string> {
  writeFileSync(join(consumer, 'program.ts'), program);
  const options = {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    // Types that only this project's own node_modules has do not count.
    preserveSymlinks: true,
    skipLibCheck,
  };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['program.ts'] }));
  try {
    await run(process.execPath, [TSC, '-p', '.'], { cwd: consumer });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout ?? error);
  }
}

const PROGRAM = `
import { LeaseElector, LeaseElectorError, type LeaseElectorErrorCode, type LeaseElectorOptions, type Term } from 'lease-elector';
import { ApiServer, EmbeddedCluster } from 'lease-elector/testing';

const options: LeaseElectorOptions = {
  lease: 'nightly',
  onElected: async (term: Term): Promise<void> => {
    const token: bigint = term.fencingToken;
    term.signal.throwIfAborted();
    console.log(token);
  },
};
const elector = new LeaseElector(options);
elector.on('elected', (term) => console.log(term.resumed)).once('demoted', (term, reason) => console.log(term, reason));
elector.on('leaderChanged', (leader) => console.log(leader?.name ?? null));
elector.on('error', ({ code }: LeaseElectorError) => console.log(code satisfies LeaseElectorErrorCode));
await elector.start();
await elector.stop({ release: true });
export const names = [ApiServer, EmbeddedCluster];
`;

test('the tarball holds what is built, and three files of text', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: installed });
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  const unbuilt = paths.filter((path) => !path.startsWith('dist/'));
  assert.deepEqual(unbuilt.sort(), ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  assert.deepEqual(paths.filter((path) => !/\.(js|d\.ts)$/.test(path)).sort(), unbuilt);
  const built = filesBelow(join(installed, 'dist'));
  const scripts = built.filter((path) => path.endsWith('.js') && !/-[A-Z0-9]{8}\.js$/.test(path));
  assert.deepEqual(scripts.sort(), ['command/main.js', 'index.js', 'testing/index.js']);
  const sources = filesBelow(join(ROOT, 'src')).filter((path) => path.endsWith('.ts'));
  assert.deepEqual(
    built.filter((path) => path.endsWith('.d.ts')).sort(),
    sources.map((path) => path.replace(/\.ts$/, '.d.ts')).sort(),
  );
});

test('it depends on three packages and nothing else, in exact versions', () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ['@kubernetes/client-node', 'debug', 'eventemitter3']);
  for (const version of Object.values(manifest.dependencies)) assert.match(String(version), /^\d+\.\d+\.\d+$/);
  for (const kind of ['peerDependencies', 'optionalDependencies', 'bundleDependencies']) {
    assert.equal(manifest[kind], undefined);
  }
});

test('the public names', async () => {
  const program = `
    const [main, testing] = await Promise.all([import('lease-elector'), import('lease-elector/testing')]);
    console.log(JSON.stringify([Object.keys(main).sort(), Object.keys(testing).sort()]));
  `;
  writeFileSync(join(consumer, 'names.js'), program);
  const { stdout } = await run(process.execPath, ['names.js'], { cwd: consumer });
  assert.deepEqual(JSON.parse(stdout), [
    ['LeaseElector', 'LeaseElectorError'],
    [
      'ApiServer',
      'ConnectionResetError',
      'ELECTOR_RULES',
      'EVENTS',
      'EmbeddedCluster',
      'LEASES',
      'NAMESPACES',
      'PODS',
      'SERVICE_ACCOUNTS',
    ],
  ]);
  const declared = readFileSync(join(installed, 'dist/index.d.ts'), 'utf8');
  const types = [...declared.matchAll(/export (?:type )?\{([^}]*)\}/g)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.replace(/\btype\b/, '').trim())
    .filter((name) => name !== '');
  assert.deepEqual(types.sort(), [
    'DemotedMessage',
    'DemotionReason',
    'ElectedMessage',
    'EndpointOptions',
    'Explanation',
    'ExplanationReason',
    'HistogramSample',
    'HolderPod',
    'KubeConfigFileOptions',
    'Leader',
    'LeaderOnlyOptions',
    'LeaseElector',
    'LeaseElectorError',
    'LeaseElectorErrorCode',
    'LeaseElectorErrorDetails',
    'LeaseElectorEvents',
    'LeaseElectorOptions',
    'LeaseElectorRecord',
    'LeaseElectorState',
    'LocalRole',
    'LogFields',
    'Logger',
    'MetricFamily',
    'MetricLabels',
    'MetricSample',
    'MissingRule',
    'PodOptions',
    'RequestFailureKind',
    'RequestMessage',
    'Stall',
    'StopOptions',
    'Succession',
    'Term',
    'TermRecord',
    'Warning',
    'WarningCode',
  ]);
});

test('the endpoint is a file of its own, which is read only where it is wanted', async () => {
  const chunks = filesBelow(join(installed, 'dist')).filter((path) => /^leader-server-.*\.js$/.test(path));
  assert.equal(chunks.length, 1);
  const main = readFileSync(join(installed, 'dist/index.js'), 'utf8');
  assert.doesNotMatch(main, /text\/event-stream/);
  const program = `
    import { registerHooks } from 'node:module';
    import { LeaseElector } from 'lease-elector';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    for (const options of [{}, { endpoint: { port: 0 }, exportEnv: true }]) {
      const elector = new LeaseElector({ local: true, ...options });
      await elector.start();
      await elector.stop();
      console.log(loaded.filter((url) => url.includes('leader-server-')).length);
    }
    console.log(process.env.ELECTOR_PATH !== undefined);
  `;
  writeFileSync(join(consumer, 'endpoint.js'), program);
  const { stdout } = await run(process.execPath, ['endpoint.js'], {
    cwd: consumer,
    env: { PATH: process.env['PATH'] },
  });
  assert.deepEqual(stdout.split('\n'), ['0', '1', 'true', '']);
});

test('the executable prints its help without reading the test server', async () => {
  const executable = join(installed, manifest.bin['lease-elector']);
  assert.match(readFileSync(executable, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  const program = `
    import { registerHooks } from 'node:module';
    import { statSync } from 'node:fs';
    import { fileURLToPath } from 'node:url';
    let bytes = 0;
    registerHooks({
      load: (url, context, next) => {
        if (url.startsWith('file:')) bytes += statSync(fileURLToPath(url)).size;
        return next(url, context);
      },
    });
    process.argv.push('--help');
    await import(${JSON.stringify(executable)});
    console.log('bytes: ' + bytes);
  `;
  writeFileSync(join(consumer, 'help.js'), program);
  const { stdout } = await run(process.execPath, ['help.js'], { cwd: consumer });
  assert.match(stdout, /^Usage: lease-elector VERB/);
  const bytes = Number(/^bytes: (\d+)$/m.exec(stdout)?.[1]);
  assert.ok(bytes > 0 && bytes < 20_000, `${bytes}`);
});

test('the executable of the package runs the API server, and ends in order', async () => {
  const executable = join(installed, manifest.bin['lease-elector']);
  const child = spawn(process.execPath, [executable, 'apiserver', '--no-tls'], { cwd: consumer });
  const ended = once(child, 'exit');
  let written = '';
  for await (const text of child.stdout.setEncoding('utf8')) {
    written += text;
    if (written.includes('get leases\n')) break;
  }
  const [, url = '', token = ''] = /^API server: (\S+)\nadmin token: (\S+)$/m.exec(written) ?? [];
  const answer = await fetch(`${url}/apis/coordination.k8s.io/v1/leases`, {
    headers: { authorization: `Bearer ${token}` },
  });
  assert.equal(((await answer.json()) as { kind: string }).kind, 'LeaseList');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
  assert.match(readFileSync(join(consumer, '.apiserver/kubeconfig'), 'utf8'), /"current-context": "lease-elector"/);
});

test('nothing else can be imported', async () => {
  writeFileSync(join(consumer, 'deep.js'), "await import('lease-elector/dist/core/election.js');");
  await assert.rejects(run(process.execPath, ['deep.js'], { cwd: consumer }), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});

test('what is meant for the project alone is in no declaration', () => {
  for (const path of filesBelow(join(installed, 'dist')).filter((path) => path.endsWith('.d.ts'))) {
    assert.doesNotMatch(readFileSync(join(installed, 'dist', path), 'utf8'), /Surroundings|@internal/, path);
  }
});

test('a program that depends on it type-checks, strictly', async () => {
  assert.equal(await check(PROGRAM, true), '');
});

test('with the libraries checked, too, only @kubernetes/client-node is complained about: it forgets @types/ws', async () => {
  const said = (await check(PROGRAM)).split('\n').filter((line) => /error TS/.test(line));
  assert.deepEqual(
    said.filter((line) => !line.startsWith('node_modules/isomorphic-ws/')),
    [],
  );
});

test('the check of that program can fail', async () => {
  const wrong = PROGRAM.replace("lease: 'nightly'", 'lease: 7').replace('term.resumed', 'term.resumedd');
  const said = await check(wrong, true);
  assert.match(said, /'number' is not assignable to type 'string'/);
  assert.match(said, /Property 'resumedd' does not exist/);
});

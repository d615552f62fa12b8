/**
 * The package as it is published: its files, its dependencies, its public names and its types, as a program that
 * depends on it gets them.
 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { filesBelow, installedPackage, project, ROOT } from './installed-package.ts';
import { installTools } from './tools.ts';

const run = promisify(execFile);

/** The largest size of all packages that `npm install lease-elector` installs, in bytes. */
const LARGEST_INSTALLATION = 2_000_000;

/** The largest size of the tarball, in bytes. */
const LARGEST_TARBALL = 480_000;

/**
 * The largest size of the unpacked package in bytes, without source maps. Node.js reads these only for stack traces.
 */
const LARGEST_UNPACKED = 1_100_000;

/** A directory with a program in it that has installed the package. */
let consumer = '';
let installed = '';
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

before(async () => {
  consumer = await project(tmpdir(), 'lease-elector-consumer', { 'package.json': '{ "type": "module" }' });
  installed = join(consumer, 'node_modules/lease-elector');
});

after(() => rmSync(consumer, { recursive: true, force: true }));

/** Runs a program of the consumer. */
async function output(name: string, program: string): Promise<string> {
  writeFileSync(join(consumer, name), program);
  const { stdout } = await run(process.execPath, [name], { cwd: consumer, env: { PATH: process.env['PATH'] } });
  return stdout;
}

test('the tarball has the built files, the files of deploy/, three texts and the manifest', () => {
  const paths = filesBelow(installed);
  const deployed = paths.filter((path) => path.startsWith('deploy/')).map((path) => path.slice('deploy/'.length));
  assert.deepEqual(deployed.sort(), filesBelow(join(ROOT, 'deploy')).sort());
  const unbuilt = paths.filter((path) => !/^(dist|deploy)\//.test(path));
  assert.deepEqual(unbuilt.sort(), ['LICENSE', 'README.md', 'package.json']);
  const built = paths.filter((path) => path.startsWith('dist/'));
  assert.deepEqual(built.filter((path) => path.endsWith('.d.ts')).sort(), [
    'dist/index.d.ts',
    'dist/testing/index.d.ts',
  ]);
  const scripts = built.filter((path) => path.endsWith('.js'));
  const named = scripts.filter((path) => !/-[A-Z0-9]{8}\.js$/.test(path));
  assert.deepEqual(named.sort(), ['dist/command/main.js', 'dist/index.js', 'dist/testing/index.js']);
  const maps = built.filter((path) => path.endsWith('.js.map'));
  assert.deepEqual(maps.sort(), scripts.map((path) => `${path}.map`).sort());
  assert.equal(built.length, 2 + scripts.length + maps.length);
});

test('npm install installs four packages, with less than 2 MB', async () => {
  const { directory } = await installedPackage();
  const modules = join(directory, 'node_modules');
  const packages = readdirSync(modules).filter((name) => !name.startsWith('.'));
  assert.deepEqual(packages.sort(), ['debug', 'eventemitter3', 'lease-elector', 'ms']);
  const size = filesBelow(modules).reduce((sum, path) => sum + statSync(join(modules, path)).size, 0);
  assert.ok(size < LARGEST_INSTALLATION, `${size} bytes`);
});

test('the tarball has less than 480 kB, and less than 1,100 kB unpacked, without source maps', async () => {
  const { tarball } = await installedPackage();
  const packed = statSync(tarball).size;
  assert.ok(packed < LARGEST_TARBALL, `${packed} bytes`);
  const sizes = filesBelow(installed)
    .filter((path) => !path.endsWith('.map'))
    .map((path) => statSync(join(installed, path)).size);
  const unpacked = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(unpacked < LARGEST_UNPACKED, `${unpacked} bytes`);
});

test('the package depends on ranges of two packages, and optionally on the Kubernetes client', () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ['debug', 'eventemitter3']);
  for (const version of Object.values(manifest.dependencies)) assert.match(String(version), /^\^\d+\.\d+\.\d+$/);
  assert.deepEqual(manifest.peerDependencies, { '@kubernetes/client-node': '>=1 <3' });
  assert.deepEqual(manifest.peerDependenciesMeta, { '@kubernetes/client-node': { optional: true } });
  for (const kind of ['optionalDependencies', 'bundleDependencies']) assert.equal(manifest[kind], undefined);
});

test('no published file uses import.meta, require or a default import', () => {
  // Bundlers and compilers to CommonJS treat them in different ways.
  for (const path of filesBelow(installed).filter((path) => path.endsWith('.js'))) {
    const text = readFileSync(join(installed, path), 'utf8');
    for (const pattern of [/import\.meta/, /createRequire|\brequire\(/, /^import [\w$]+(,| from)/m]) {
      assert.equal(pattern.exec(text)?.[0], undefined, path);
    }
  }
});

test('the bundled package yaml has its license, and the main entry does not contain yaml', async () => {
  const license = readFileSync(new URL('../../node_modules/yaml/LICENSE', import.meta.url), 'utf8').trim();
  const scripts = filesBelow(installed).filter((path) => path.endsWith('.js'));
  const texts = new Map(scripts.map((path) => [path, readFileSync(join(installed, path), 'utf8')]));
  const holders = [...texts].filter(([, text]) => text.includes('Eemeli Aro'));
  assert.equal(holders.length, 1);
  // The license is indented in a comment.
  assert.ok(holders[0]?.[1].replace(/^ +/gm, '').includes(license));
  assert.doesNotMatch(texts.get('dist/index.js') ?? '', /tag:yaml\.org|Eemeli Aro/);
  for (const [path, text] of texts) assert.doesNotMatch(text, /from ['"]yaml['"]/, path);
});

test('an error names the command that installs the Kubernetes client when a kubeconfig needs the client', async () => {
  const printed = await output(
    'kubeconfig.js',
    `
    import { LeaseElector, LeaseElectorError } from 'lease-elector';
    import { EmbeddedCluster } from 'lease-elector/testing';
    const elector = new LeaseElector({ kubeConfig: { path: '/nowhere/kubeconfig' } });
    const cluster = await EmbeddedCluster.start();
    const needing = [elector.start(), cluster.createPod({ name: 'web-1' }).kubeConfig()];
    for (const { reason } of await Promise.allSettled(needing)) {
      console.log(reason.code, /Run \`npm install @kubernetes\\/client-node\`/.test(reason.message));
    }
    await elector.stop();
    await cluster.stop();`,
  );
  assert.deepEqual(printed.trim().split('\n'), Array(2).fill('ERR_LEASE_ELECTOR_CREDENTIALS true'));
});

test('a source map names the source and the line of each function', async () => {
  // The paths in a source map are relative to the folder of the build.
  const { directory } = await installedPackage();
  for (const path of filesBelow(installed).filter((path) => path.endsWith('.js'))) {
    const text = readFileSync(join(installed, path), 'utf8');
    assert.match(text, /\n\/\/# sourceMappingURL=\S+\.js\.map\n$/, path);
    const map = JSON.parse(readFileSync(join(installed, `${path}.map`), 'utf8')) as { sources: string[] };
    for (const source of map.sources) {
      const file = resolve(join(directory, 'source', dirname(path)), source);
      assert.ok(statSync(file).isFile(), `${path}: ${source}`);
    }
  }
});

test('the entries export the public names, and no others', async () => {
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
      'drawTimeline',
      'drawTimelineImage',
      'electorRules',
    ],
  ]);
  const declared = readFileSync(join(installed, 'dist/index.d.ts'), 'utf8');
  const types = [...declared.matchAll(/^export declare (?:abstract )?\w+ (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(types.sort(), [
    'DemotedMessage',
    'DemotionReason',
    'ElectedMessage',
    'ElectionWarningCode',
    'EndpointOptions',
    'Explanation',
    'ExplanationReason',
    'GuardedEmitter',
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
    'UsedKubeConfig',
    'Warning',
    'WarningCode',
  ]);
});

test('etc/*.api.md record the public API', async () => {
  const { reports } = await installedPackage();
  const names = readdirSync(join(ROOT, 'etc')).sort();
  assert.deepEqual(names, ['lease-elector.api.md', 'testing.api.md']);
  assert.deepEqual(readdirSync(reports).sort(), names);
  for (const name of names) {
    assert.equal(
      readFileSync(join(reports, name), 'utf8'),
      readFileSync(join(ROOT, 'etc', name), 'utf8'),
      `the public API has changed. Run \`npm run api\`, read the difference of etc/${name}, and commit it`,
    );
  }
});

test('the endpoint is a separate file, which is loaded only when an option needs it', async () => {
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

test('the executable of the package runs the API server, and exits with 0', async () => {
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

test('the executable of the package prints the manifests', async () => {
  const flags = ['manifests', '--name', 'app', '--namespace', 'default'];
  const { stdout } = await run(process.execPath, [join(installed, manifest.bin['lease-elector']), ...flags]);
  const deployed = (name: string): string => readFileSync(join(installed, 'deploy/base', name), 'utf8');
  assert.ok(stdout.startsWith(`${deployed('service-account.yaml')}---\n${deployed('role.yaml')}---\n`));
});

test('nothing else can be imported', async () => {
  writeFileSync(join(consumer, 'deep.js'), "await import('lease-elector/dist/core/election.js');");
  await assert.rejects(run(process.execPath, ['deep.js'], { cwd: consumer }), /ERR_PACKAGE_PATH_NOT_EXPORTED/);
});

test('the declarations contain no internal types', () => {
  for (const path of filesBelow(installed).filter((path) => path.endsWith('.d.ts'))) {
    const text = readFileSync(join(installed, path), 'utf8');
    assert.doesNotMatch(text, /Runtime|@internal/, path);
    // A program could receive a type that is declared but not exported, but could not name it.
    assert.deepEqual(
      [...text.matchAll(/^declare \w+ (\w+)/gm)].map(([, name]) => name),
      [],
      path,
    );
    assert.doesNotMatch(text, /from '@kubernetes|from '\./, path);
  }
});

test('each option of a declaration accepts undefined', () => {
  // Types that a program only receives are left out: objects of the API, answers, and records of the log.
  const given = /(Options|Filter|Faults|Grant|Revocation|Rule|Denial|^Fault|^UsedKubeConfig)$/;
  let count = 0;
  for (const path of ['dist/index.d.ts', 'dist/testing/index.d.ts']) {
    const text = readFileSync(join(installed, path), 'utf8');
    for (const [, name = '', body = ''] of text.matchAll(/^export declare interface (\w+)[^\n]*\{\n([\s\S]*?)^\}/gm)) {
      if (!given.test(name)) continue;
      for (const [line] of body.matchAll(/^ {4}(?:readonly )?\w+\?:(?:.*;|.*\{\n[\s\S]*?^ {4}\}.*;)$/gm)) {
        count += 1;
        assert.match(line, /\| undefined;$/, name);
      }
    }
  }
  assert.ok(count > 80, `${count} options were found`);
});

test('publint and attw find no fault in the tarball', async (t) => {
  const tools = await installTools('checks', { publint: '0.3.25', '@arethetypeswrong/cli': '0.18.5' });
  if (tools.missing !== null) return t.skip(tools.missing);
  const { tarball } = await installedPackage();
  const options = { cwd: tools.directory, env: { PATH: process.env['PATH'], NO_COLOR: '1' } };
  const programs = join(tools.directory, 'node_modules/.bin');
  const { stdout } = await run(join(programs, 'publint'), [tarball, '--strict'], options);
  assert.match(stdout, /All good!/);
  // attw exits with 1 when it finds a fault. The ignored rule forbids `require` of an ES module, which Node.js permits.
  // Every way of resolving must find the types, including node10.
  await run(join(programs, 'attw'), [tarball, '--ignore-rules', 'cjs-resolves-to-esm'], options);
});

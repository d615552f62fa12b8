/**
 * An application that bundles the package: each bundle is moved to an empty folder, and is elected there with every
 * kind of `DEBUG`. The API server runs in this process.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { EmbeddedCluster } from '../../src/testing/index.ts';
import { project } from './installed-package.ts';
import { type Run, runNoted, skipNoted } from './run-table.ts';
import { installProgram, installTools } from './tools.ts';

const run = promisify(execFile);

/** The largest minified bundle of an application, in bytes. The Kubernetes client alone would have some megabytes. */
const LARGEST_MINIFIED_BUNDLE = 300_000;

/** The largest bundle that is not minified, in bytes. */
const LARGEST_READABLE_BUNDLE = 450_000;

const BUILD_TIMEOUT_MS = 100_000;
const RUN_TIMEOUT_MS = 30_000;

/** A program that is elected, loads the endpoint (a separate file) and releases the Lease. */
const APPLICATION = `
import { LeaseElector, LeaseElectorError } from 'lease-elector';

const { KUBECONFIG_PATH, SERVICE_ACCOUNT_DIRECTORY } = process.env;
const elector = new LeaseElector({
  kubeConfig: KUBECONFIG_PATH === undefined ? undefined : { path: KUBECONFIG_PATH },
  serviceAccountDirectory: SERVICE_ACCOUNT_DIRECTORY,
  endpoint: { port: 0 },
  exportEnv: true,
});
elector.once('elected', (term) => {
  console.log('elected', typeof term.fencingToken, process.env.ELECTOR_PATH !== undefined);
  elector.stop({ release: true });
});
elector.once('stopped', () => console.log('stopped'));
elector.start().catch((error) => {
  console.log(error instanceof LeaseElectorError, error.code, error.message);
  elector.stop();
});
`;

let cluster: EmbeddedCluster;
let podCount = 0;
const temporary: string[] = [];

before(async () => {
  cluster = await EmbeddedCluster.start();
});

after(async () => {
  await cluster.stop();
  for (const directory of temporary) rmSync(directory, { recursive: true, force: true });
});

function removeLater(directory: string): string {
  temporary.push(directory);
  return directory;
}

/** The environment of a process of a new Pod, with a new Lease. */
function environmentOfPod(): Record<string, string> {
  podCount += 1;
  const pod = cluster.createPod({ name: `bundled-${podCount}` });
  return { ...pod.env, SERVICE_ACCOUNT_DIRECTORY: pod.serviceAccountDirectory, NAIS_APP_NAME: `app-${podCount}` };
}

/** Runs the moved bundle with every kind of `DEBUG`, and with a kubeconfig that it cannot load. */
async function assertElected(program: readonly string[], directory: string): Promise<void> {
  const [command = '', ...parameters] = program;
  const start = (extra: Record<string, string>): Promise<{ stdout: string; stderr: string }> =>
    run(command, parameters, {
      cwd: directory,
      timeout: RUN_TIMEOUT_MS,
      env: { PATH: process.env['PATH'] ?? '', ...environmentOfPod(), ...extra },
    });
  for (const extra of [{}, { DEBUG: '' }, { DEBUG: 'express:*' }, { DEBUG: 'lease-elector*' }]) {
    const { stdout, stderr } = await start(extra);
    assert.equal(stdout, 'elected bigint true\nstopped\n', `${JSON.stringify(extra)} ${stderr}`);
    const isEnabled = extra.DEBUG === 'lease-elector*';
    assert.equal(/lease-elector:driver/.test(stderr), isEnabled, `${JSON.stringify(extra)} ${stderr}`);
  }
  const { stdout } = await start({ KUBECONFIG_PATH: '/nowhere/kubeconfig' });
  assert.match(stdout, /^true ERR_LEASE_ELECTOR_CREDENTIALS .*npm install @kubernetes\/client-node/m);
}

/** A folder with a copy of a bundler's output. No folder above it has `node_modules`. */
function moved(output: string): string {
  const directory = removeLater(mkdtempSync(join(tmpdir(), 'lease-elector-moved-')));
  cpSync(output, directory, { recursive: true });
  return directory;
}

/** Asserts that the JavaScript of a bundle is small, and contains nothing of the Kubernetes client. */
function assertSmall(directory: string, isMinified: boolean): void {
  const limit = isMinified ? LARGEST_MINIFIED_BUNDLE : LARGEST_READABLE_BUNDLE;
  const scripts = readdirSync(directory).filter((name) => /\.[cm]?js$/.test(name));
  const size = scripts.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  assert.ok(size > 50_000 && size < limit, `${size} bytes in ${scripts.join(', ')}`);
  for (const name of scripts) {
    const text = readFileSync(join(directory, name), 'utf8');
    assert.ok(!text.includes('CoordinationV1Api'), `${name} contains the Kubernetes client`);
  }
}

/** The application as a project with the package, and with a Kubernetes client that a bundler could find. */
async function applicationIn(parent: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = removeLater(
    await project(parent, 'application', { 'app.mjs': APPLICATION, 'package.json': '{ "private": true }', ...files }),
  );
  const client = join(directory, 'node_modules/@kubernetes/client-node');
  mkdirSync(client, { recursive: true });
  writeFileSync(join(client, 'package.json'), '{ "name": "@kubernetes/client-node", "main": "index.js" }');
  writeFileSync(join(client, 'index.js'), 'exports.CoordinationV1Api = class {};');
  return directory;
}

async function esbuilt(options: BuildOptions & { readonly outfile: string }): Promise<string> {
  const directory = await applicationIn(tmpdir());
  const outfile = join(directory, 'out', options.outfile);
  await build({
    absWorkingDir: directory,
    entryPoints: ['app.mjs'],
    bundle: true,
    platform: 'node',
    logLevel: 'error',
    ...options,
    outfile,
  });
  return join(directory, 'out');
}

const ESBUILD: readonly (readonly [name: string, modules: string, BuildOptions & { readonly outfile: string }])[] = [
  ['esbuild', 'ESM', { format: 'esm', outfile: 'app.mjs' }],
  ['esbuild', 'CommonJS', { format: 'cjs', outfile: 'app.cjs' }],
  ['esbuild, minified', 'ESM', { format: 'esm', outfile: 'app.mjs', minify: true }],
];

for (const [bundler, modules, options] of ESBUILD) {
  test(`a bundle of ${bundler} as ${modules} is elected in an empty folder`, async () => {
    await runNoted({ runtime: 'node 24', modules, bundler }, async () => {
      const directory = moved(await esbuilt(options));
      assertSmall(directory, options.minify === true);
      await assertElected([process.execPath, options.outfile], directory);
    });
  });
}

/** A bundler that npm installs: its packages, its configuration and the command that builds. */
interface Bundler {
  readonly name: string;
  readonly modules: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly command: (tools: string) => readonly string[];
  readonly program: string;
  readonly isMinified: boolean;
}

const ROLLUP_PACKAGES = {
  rollup: '4.68.8',
  '@rollup/plugin-commonjs': '29.0.3',
  '@rollup/plugin-node-resolve': '16.0.3',
};

function rollup(format: 'es' | 'cjs', extension: string): Bundler {
  return {
    name: 'rollup',
    modules: format === 'es' ? 'ESM' : 'CommonJS',
    packages: ROLLUP_PACKAGES,
    files: {
      'rollup.config.mjs': `
        import commonjs from '@rollup/plugin-commonjs';
        import resolve from '@rollup/plugin-node-resolve';
        const names = { entryFileNames: 'app.${extension}', chunkFileNames: '[name].${extension}' };
        export default {
          input: 'app.mjs',
          output: { dir: 'out', format: '${format}', ...names },
          plugins: [resolve({ preferBuiltins: true }), commonjs()],
        };`,
    },
    command: (tools) => [join(tools, 'node_modules/rollup/dist/bin/rollup'), '-c', '--silent'],
    program: `app.${extension}`,
    isMinified: false,
  };
}

function webpack(modules: 'ESM' | 'CommonJS'): Bundler {
  const isModule = modules === 'ESM';
  const file = isModule ? 'app.mjs' : 'app.cjs';
  return {
    name: 'webpack',
    modules,
    packages: { webpack: '5.113.0' },
    files: {
      'build.cjs': `
        const webpack = require('webpack');
        webpack(
          {
            target: 'node22',
            mode: 'production',
            entry: './app.mjs',
            experiments: { outputModule: ${isModule} },
            output: { path: __dirname + '/out', filename: '${file}', module: ${isModule} },
          },
          (error, stats) => {
            const problems = error ?? (stats.hasErrors() || stats.hasWarnings() ? stats.toString() : null);
            if (problems === null) return;
            console.error(problems);
            process.exitCode = 1;
          },
        );`,
    },
    command: () => ['build.cjs'],
    program: file,
    isMinified: true,
  };
}

const BUNDLERS: readonly Bundler[] = [
  rollup('es', 'mjs'),
  rollup('cjs', 'cjs'),
  webpack('CommonJS'),
  webpack('ESM'),
  {
    name: 'ncc',
    modules: 'ESM',
    packages: { '@vercel/ncc': '0.45.0' },
    files: {},
    command: (tools) => [
      join(tools, 'node_modules/@vercel/ncc/dist/ncc/cli.js'),
      'build',
      'app.mjs',
      '-o',
      'out',
      '-q',
      '-m',
    ],
    program: 'index.mjs',
    isMinified: true,
  },
  {
    name: 'tsdown',
    modules: 'ESM',
    packages: { tsdown: '0.23.7' },
    files: {},
    command: (tools) => [
      join(tools, 'node_modules/tsdown/dist/run.mjs'),
      'app.mjs',
      '--no-config',
      '--out-dir=out',
      '--platform=node',
      '--logLevel=error',
      '--deps.always-bundle=*',
    ],
    program: 'app.mjs',
    isMinified: false,
  },
];

for (const { name, modules, packages, files, command, program, isMinified } of BUNDLERS) {
  test(`a bundle of ${name} as ${modules} is elected in an empty folder`, async (t) => {
    const noted: Run = { runtime: 'node 24', modules, bundler: name };
    const tools = await installTools(name, packages);
    if (tools.missing !== null) return skipNoted(t, noted, tools.missing);
    await runNoted(noted, async () => {
      const directory = await applicationIn(tools.directory, files);
      await run(process.execPath, command(tools.directory), { cwd: directory, timeout: BUILD_TIMEOUT_MS });
      const output = moved(join(directory, 'out'));
      assertSmall(output, isMinified);
      await assertElected([process.execPath, program], output);
    });
  });
}

test('a single executable application of Node.js is elected in an empty folder', async (t: TestContext) => {
  const noted: Run = { runtime: 'node 26, SEA', modules: 'CommonJS', bundler: 'esbuild' };
  const node = await installProgram('node', '26.9.0');
  if (node.missing !== null) return skipNoted(t, noted, node.missing);
  await runNoted(noted, async () => {
    const output = await esbuilt({ format: 'cjs', outfile: 'app.cjs' });
    const configuration = { main: 'app.cjs', output: 'app', disableExperimentalSEAWarning: true };
    writeFileSync(join(output, 'sea.json'), JSON.stringify(configuration));
    await run(node.program, ['--build-sea', 'sea.json'], { cwd: output, timeout: BUILD_TIMEOUT_MS });
    for (const name of readdirSync(output)) if (name !== 'app') rmSync(join(output, name));
    const directory = moved(output);
    await assertElected([join(directory, 'app')], directory);
  });
});

test('a program of `bun build --compile` is elected in an empty folder', async (t) => {
  const noted: Run = { runtime: 'bun 1.4, compiled', modules: 'ESM', bundler: 'bun' };
  const bun = await installProgram('bun', '1.4.5');
  if (bun.missing !== null) return skipNoted(t, noted, bun.missing);
  await runNoted(noted, async () => {
    const directory = await applicationIn(bun.directory);
    mkdirSync(join(directory, 'out'));
    const options = { cwd: directory, timeout: BUILD_TIMEOUT_MS };
    await run(bun.program, ['build', '--compile', 'app.mjs', '--outfile', 'out/app'], options);
    const output = moved(join(directory, 'out'));
    await assertElected([join(output, 'app')], output);
  });
});

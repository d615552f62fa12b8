/**
 * Programs that use the package type-check under every TypeScript from 5.4 to 7, strictly and with the declarations of
 * the package checked, in each way of resolving modules that this TypeScript permits.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { project } from './installed-package.ts';
import { runNoted, skipNoted } from './run-table.ts';
import { installTools } from './tools.ts';

const run = promisify(execFile);

/** Uses both entries. It has types of the package and of the program in all combinations. */
const PROGRAM = `
import {
  LeaseElector,
  LeaseElectorError,
  type EndpointOptions,
  type KubeConfigFileOptions,
  type LeaseElectorErrorCode,
  type LeaseElectorOptions,
  type PodOptions,
  type StopOptions,
  type Term,
} from 'lease-elector';
import {
  ApiServer,
  EmbeddedCluster,
  type ApiServerOptions,
  type DeletePodOptions,
  type EmbeddedClusterOptions,
  type FailPodOptions,
  type FaultOptions,
  type ListenOptions,
  type RandomFaults,
  type RequestFilter,
  type WarmUpOptions,
} from 'lease-elector/testing';

/** Accepts a type only when each of its properties may be left out or be undefined. */
type Undefined<Options> = { [Name in keyof Options]: undefined };
function accepts<Options>(_options: Undefined<Required<Options>> extends Options ? true : false): void {}
accepts<LeaseElectorOptions>(true);
accepts<PodOptions>(true);
accepts<EndpointOptions>(true);
accepts<StopOptions>(true);
accepts<Omit<KubeConfigFileOptions, 'path'>>(true);
accepts<ApiServerOptions>(true);
accepts<DeletePodOptions>(true);
accepts<EmbeddedClusterOptions>(true);
accepts<FailPodOptions>(true);
accepts<FaultOptions>(true);
accepts<ListenOptions>(true);
accepts<RandomFaults>(true);
accepts<RequestFilter>(true);
accepts<WarmUpOptions>(true);
accepts<{ name?: string }>(false);

const lease: string | undefined = process.env['LEASE'];
const options: LeaseElectorOptions = {
  lease,
  onElected: async (term: Term): Promise<void> => {
    const token: bigint = term.fencingToken;
    term.signal.throwIfAborted();
    console.log(token);
  },
};

export async function main(): Promise<void> {
  const elector = new LeaseElector(options);
  elector.on('elected', (term) => console.log(term.resumed)).once('demoted', (term, reason) => console.log(term, reason));
  elector.on('leaderChanged', (leader) => console.log(leader?.name ?? null));
  elector.on('error', ({ code }: LeaseElectorError) => {
    const known: LeaseElectorErrorCode = code;
    console.log(known);
  });
  await elector.start();
  await elector.stop({ release: true });
  const cluster = await EmbeddedCluster.start();
  const pod = cluster.createPod({ name: 'web-1' });
  const kubeConfig = await pod.kubeConfig();
  const api: Api = kubeConfig.makeApiClient(Api);
  console.log(new LeaseElector(pod.electorOptions()), new LeaseElector({ kubeConfig }), ApiServer, api.configuration);
}

class Api {
  constructor(readonly configuration: { readonly baseServer: string }) {}
}
`;

interface Setting {
  readonly module: string;
  readonly moduleResolution: string;
  readonly type: 'module' | 'commonjs';
  /** The tested versions of TypeScript: only versions whose result can differ, because each costs seconds. */
  readonly versions: readonly string[];
  /** The versions that permit no `require` of an ES module. */
  readonly refusedBy?: readonly string[];
}

const VERSIONS = ['5.4.5', '5.5.4', '5.6.3', '5.7.3', '5.8.3', '5.9.3', '6.0.3', '7.0.2'];

const SETTINGS: readonly Setting[] = [
  { module: 'nodenext', moduleResolution: 'nodenext', type: 'module', versions: VERSIONS },
  // TypeScript 7 has removed `node10`.
  { module: 'commonjs', moduleResolution: 'node10', type: 'commonjs', versions: VERSIONS.slice(0, -1) },
  { module: 'commonjs', moduleResolution: 'bundler', type: 'commonjs', versions: ['6.0.3', '7.0.2'] },
  { module: 'esnext', moduleResolution: 'bundler', type: 'module', versions: ['5.4.5', '7.0.2'] },
  { module: 'node16', moduleResolution: 'node16', type: 'module', versions: ['5.4.5', '7.0.2'] },
  // Node.js can `require` an ES module since 22.12. The compiler permits it for `nodenext` since 5.8, and never for
  // `node16`.
  {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    type: 'commonjs',
    versions: ['5.7.3', '5.8.3', '7.0.2'],
    refusedBy: ['5.7.3'],
  },
  {
    module: 'node16',
    moduleResolution: 'node16',
    type: 'commonjs',
    versions: ['5.4.5', '7.0.2'],
    refusedBy: ['5.4.5', '7.0.2'],
  },
];

/** A version of `@types/node` that this compiler can read. */
function nodeTypes(version: number): string {
  return version < 5.6 ? '20.19.25' : '22.20.5';
}

for (const full of VERSIONS) {
  const version = Number(/^\d+\.\d+/.exec(full)?.[0]);
  test(`a program that uses the package type-checks under TypeScript ${full}`, async (t) => {
    const packages = { typescript: full, '@types/node': nodeTypes(version) };
    const tools = await installTools(`typescript-${full}`, packages);
    if (tools.missing !== null) {
      skipNoted(t, { runtime: `TypeScript ${full}`, modules: 'all' }, tools.missing);
      return;
    }
    const directory = await project(tools.directory, 'program', {});
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const compiler = join(tools.directory, 'node_modules/typescript/bin/tsc');
    const check = async (setting: Setting, program: string): Promise<string> => {
      const { module, moduleResolution, type } = setting;
      const place = join(directory, `${module}-${moduleResolution}-${type}`);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, 'package.json'), JSON.stringify({ type }));
      writeFileSync(join(place, 'program.ts'), program);
      const compilerOptions = {
        target: 'es2022',
        lib: ['es2022'],
        module,
        moduleResolution,
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
        ...(moduleResolution === 'node10' && version >= 6 ? { ignoreDeprecations: '6.0' } : {}),
      };
      writeFileSync(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
      try {
        await run(process.execPath, [compiler, '-p', '.'], { cwd: place });
        return '';
      } catch (error) {
        return String((error as { stdout?: string }).stdout ?? error);
      }
    };
    for (const setting of SETTINGS) {
      const { module, moduleResolution, type, versions, refusedBy = [] } = setting;
      if (!versions.includes(full)) continue;
      const isRefused = refusedBy.includes(full);
      const modules = `${module}, ${moduleResolution}, ${type}`;
      const runner = isRefused ? 'refused by tsc (docs/installation.md)' : 'tsc, skipLibCheck: false';
      await t.test(modules, async () => {
        await runNoted({ runtime: `TypeScript ${full}`, modules, runner }, async () => {
          const output = await check(setting, PROGRAM);
          if (isRefused) assert.match(output, /TS1479|TS1541/);
          else assert.equal(output, '');
        });
      });
    }
    if (full !== VERSIONS.at(-1)) return;
    await t.test('the check can fail', async () => {
      const [first] = SETTINGS as [Setting];
      const wrong = PROGRAM.replace('  lease,', '  lease: 7,').replace('term.resumed', 'term.resumedd');
      const output = await check(first, wrong);
      assert.match(output, /'number' is not assignable to type 'string/);
      assert.match(output, /Property 'resumedd' does not exist/);
    });
  });
}

/**
 * The test kit under other test runners: each project installs the package and runs one test.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { project, ROOT } from './installed-package.ts';
import { type Run, runNoted, skipNoted } from './run-table.ts';
import { installProgram, installTools } from './tools.ts';

const run = promisify(execFile);

const RUN_TIMEOUT_MS = 100_000;

/** The two lines of docs/installation.md. */
const JEST_LINES: Readonly<Record<string, unknown>> = {
  transform: { '^.+\\.(t|j)s$': 'ts-jest' },
  transformIgnorePatterns: ['/node_modules/(?!lease-elector/)'],
};

const TEST = `
import { LeaseElector } from 'lease-elector';
import { EmbeddedCluster } from 'lease-elector/testing';

test('leads', async () => {
  const cluster = await EmbeddedCluster.start();
  const elector = new LeaseElector(cluster.createPod({ name: 'web-1' }).electorOptions());
  await elector.start();
  expect(elector.isLeader).toBe(true);
  await elector.stop({ release: true });
  await cluster.stop();
});
`;

const JEST_PACKAGES = {
  '@types/jest': '30.0.0',
  '@types/node': '22.20.5',
  jest: '30.5.2',
  'ts-jest': '29.4.15',
  typescript: '5.9.3',
};

const NEST_PACKAGES = {
  ...JEST_PACKAGES,
  '@nestjs/common': '11.2.10',
  '@nestjs/core': '11.2.10',
  '@nestjs/platform-express': '11.2.10',
  '@nestjs/testing': '11.2.6',
  'reflect-metadata': '0.2.2',
  rxjs: '7.8.2',
};

/** As `nest new` of Nest 11 writes it. */
const NEST_COMPILER_OPTIONS = {
  module: 'nodenext',
  moduleResolution: 'nodenext',
  resolvePackageJsonExports: true,
  esModuleInterop: true,
  isolatedModules: true,
  declaration: true,
  removeComments: true,
  emitDecoratorMetadata: true,
  experimentalDecorators: true,
  allowSyntheticDefaultImports: true,
  target: 'ES2023',
  sourceMap: true,
  outDir: './dist',
  baseUrl: './',
  incremental: true,
  skipLibCheck: true,
  strictNullChecks: true,
  forceConsistentCasingInFileNames: true,
  noImplicitAny: true,
};

/** As `nest new` of Nest 11 writes it. */
const NEST_JEST = {
  moduleFileExtensions: ['js', 'json', 'ts'],
  rootDir: 'src',
  testRegex: '.*\\.spec\\.ts$',
  collectCoverageFrom: ['**/*.(t|j)s'],
  coverageDirectory: '../coverage',
  testEnvironment: 'node',
};

const NEST_FILES = {
  'src/leader.service.ts': `
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { LeaseElector, type LeaseElectorOptions } from 'lease-elector';

export const ELECTOR_OPTIONS = Symbol('ELECTOR_OPTIONS');

@Injectable()
export class LeaderService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly elector: LeaseElector;

  constructor(@Inject(ELECTOR_OPTIONS) options: LeaseElectorOptions) {
    this.elector = new LeaseElector(options);
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.elector.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.elector.stop({ release: true });
  }
}
`,
  'src/leader.service.spec.ts': `
import { Test, TestingModule } from '@nestjs/testing';
import { EmbeddedCluster } from 'lease-elector/testing';
import { ELECTOR_OPTIONS, LeaderService } from './leader.service';

describe('LeaderService', () => {
  let cluster: EmbeddedCluster;
  let app: TestingModule;

  beforeEach(async () => {
    cluster = await EmbeddedCluster.start();
    const options = cluster.createPod({ name: 'web-1' }).electorOptions();
    const providers = [LeaderService, { provide: ELECTOR_OPTIONS, useValue: options }];
    app = await Test.createTestingModule({ providers }).compile();
    await app.init();
  });

  afterEach(async () => {
    await app.close();
    await cluster.stop();
  });

  it('leads', () => {
    expect(app.get(LeaderService).elector.isLeader).toBe(true);
  });
});
`,
};

/** A project in the folder of its tools. `command` returns the arguments of Node.js. */
interface RunnerProject {
  readonly name: string;
  readonly modules: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly command: (tools: string) => readonly string[];
  readonly passes: RegExp;
}

const jest = (tools: string): string => join(tools, 'node_modules/jest/bin/jest.js');

const NEST: RunnerProject = {
  name: 'NestJS 11, Jest 30, ts-jest',
  modules: 'CommonJS',
  packages: NEST_PACKAGES,
  files: {
    ...NEST_FILES,
    'package.json': JSON.stringify({ private: true, jest: { ...NEST_JEST, ...JEST_LINES } }),
    'tsconfig.json': JSON.stringify({ compilerOptions: NEST_COMPILER_OPTIONS }),
  },
  command: (tools) => [jest(tools)],
  passes: /Tests: +1 passed, 1 total/,
};

const PROJECTS: readonly RunnerProject[] = [
  NEST,
  {
    name: 'Jest 30, ts-jest',
    modules: 'CommonJS',
    packages: JEST_PACKAGES,
    files: {
      'leads.test.ts': TEST,
      'package.json': JSON.stringify({ private: true, jest: { ...JEST_LINES, testEnvironment: 'node' } }),
      'tsconfig.json': JSON.stringify({
        compilerOptions: { module: 'commonjs', moduleResolution: 'node10', target: 'es2023', strict: true },
      }),
    },
    command: (tools) => [jest(tools)],
    passes: /Tests: +1 passed, 1 total/,
  },
  {
    name: 'Jest 30',
    modules: 'ESM',
    packages: JEST_PACKAGES,
    files: {
      'leads.test.js': TEST,
      'package.json': JSON.stringify({ private: true, type: 'module', jest: { transform: {} } }),
    },
    command: (tools) => ['--experimental-vm-modules', jest(tools)],
    passes: /Tests: +1 passed, 1 total/,
  },
  {
    name: 'Vitest 5',
    modules: 'ESM',
    packages: { vitest: '5.1.2' },
    files: {
      'leads.test.ts': `import { expect, test } from 'vitest';\n${TEST}`,
      'package.json': '{ "private": true, "type": "module" }',
    },
    command: (tools) => [join(tools, 'node_modules/vitest/vitest.mjs'), 'run', '--root=.'],
    passes: /Tests +1 passed/,
  },
];

async function runProject(
  t: TestContext,
  { name, modules, packages, files, command, passes }: RunnerProject,
  version: string,
): Promise<void> {
  const noted: Run = { runtime: `node ${version}`, modules, runner: name };
  const [node, tools] = await Promise.all([
    installProgram('node', version),
    installTools(name.toLowerCase().replace(/\W+/g, '-'), packages),
  ]);
  const missing = node.missing ?? tools.missing;
  if (node.missing !== null || tools.missing !== null) return skipNoted(t, noted, String(missing));
  await runNoted(noted, async () => {
    const directory = await project(tools.directory, 'runner', files);
    try {
      for (const extra of [{}, { DEBUG: 'lease-elector*' }]) {
        const { stdout, stderr } = await run(node.program, command(tools.directory), {
          cwd: directory,
          timeout: RUN_TIMEOUT_MS,
          env: { PATH: process.env['PATH'] ?? '', HOME: directory, CI: '1', NO_COLOR: '1', ...extra },
        });
        assert.match(`${stdout}${stderr}`, passes);
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}

for (const entry of PROJECTS) {
  test(`a test leads under ${entry.name} as ${entry.modules}`, (t) => runProject(t, entry, '24.21.0'));
}

test('a test leads under NestJS 11 and Node 22.19', (t) => runProject(t, NEST, '22.19.0'));

test('docs/installation.md names the two lines of a Jest configuration', () => {
  const page = readFileSync(join(ROOT, 'docs/installation.md'), 'utf8');
  for (const [key, value] of Object.entries(JEST_LINES)) {
    const line = `"${key}": ${JSON.stringify(value)
      .replace('":"', '": "')
      .replace(/^\{(.*)\}$/, '{ $1 }')}`;
    assert.ok(page.includes(line), line);
  }
});

const OWN_RUNNERS = [
  {
    name: 'bun',
    version: '1.4.5',
    command: ['test'],
    passes: /1 pass/,
    head: "import { expect, test } from 'bun:test';",
  },
  {
    name: 'deno',
    version: '2.9.6',
    command: ['test', '--allow-all', '--no-lock', '--no-check', '--node-modules-dir=manual'],
    passes: /1 passed/,
    head: "import assert from 'node:assert';\nconst test = Deno.test;\nconst expect = (value) => ({ toBe: (other) => assert.equal(value, other) });",
  },
] as const;

for (const { name, version, command, passes, head } of OWN_RUNNERS) {
  test(`a test leads under the runner of ${name}`, async (t) => {
    const noted: Run = { runtime: `${name} ${version}`, modules: 'ESM', runner: `${name} test` };
    const installed = await installProgram(name, version);
    if (installed.missing !== null) return skipNoted(t, noted, installed.missing);
    await runNoted(noted, async () => {
      const files = { 'leads.test.js': `${head}\n${TEST}`, 'package.json': '{ "private": true, "type": "module" }' };
      const directory = await project(installed.directory, 'runner', files);
      try {
        const { stdout, stderr } = await run(installed.program, command, {
          cwd: directory,
          timeout: RUN_TIMEOUT_MS,
          env: { PATH: process.env['PATH'] ?? '', HOME: directory, NO_COLOR: '1' },
        });
        assert.match(`${stdout}${stderr}`, passes);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  });
}

/**
 * Runs the tests: the quick ones without options, with `--all` every test but those of `test/package` and `test/network`
 * (they have separate commands), with `--coverage` the same with coverage floors. Other arguments are files.
 *
 * A test file runs in a process of its own, but for those of the folders where every test is pure: there the start of a
 * process costs more than its tests, so a folder shares one. The compile cache halves what a start costs.
 */

import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** They need other programs, an installed package, or a separate machine. */
const COMMANDS_OF_THEIR_OWN: readonly string[] = ['test/package/', 'test/network/'];

/** Real processes, real sockets and real time, or more simulated clusters than a contributor waits for. */
const SLOW: readonly string[] = [
  'test/integration/',
  'test/kubectl/',
  'test/e2e/',
  'test/demo/demo.test.ts',
  'test/command/process.test.ts',
  'test/endpoint/',
  'test/alerts/',
  'test/testing/leaks.test.ts',
  'test/leadership/confirm.test.ts',
  'test/directions.test.ts',
  'test/examples.test.ts',
  'test/examples/',
  'test/exploration/exploration.test.ts',
  'test/kube/client-process.test.ts',
  'test/kube/loaded-modules.test.ts',
  'test/joining/sibling-lock-owner.test.ts',
  'test/simulation/checkers.test.ts',
  'test/simulation/publishing.test.ts',
  'test/simulation/rolling-update.test.ts',
  'test/simulation/sim.test.ts',
  'test/simulation/successor.test.ts',
  'test/simulation/what-happens.test.ts',
];

/** No test there leaves anything behind in its process. */
const TOGETHER: readonly string[] = [
  'test/core/',
  'test/driver/',
  'test/explain/',
  'test/exploration/',
  'test/kube/',
  'test/testing/',
];

/** One file, in this directory, in the place of all that lie in a folder. (The test runner finds none in `node_modules`.) */
function together(files: readonly string[], directory: string): readonly string[] {
  const entries = TOGETHER.map((folder) => ({ folder, members: files.filter((file) => file.startsWith(folder)) }))
    .filter(({ members }) => members.length > 0)
    .map(({ folder, members }) => {
      const entry = join(directory, `${folder.split('/').join('-')}.test.mjs`);
      const imports = members.map((file) => `import ${JSON.stringify(pathToFileURL(resolve(file)).href)};\n`);
      writeFileSync(entry, imports.join(''));
      return entry;
    });
  return [...entries, ...files.filter((file) => !TOGETHER.some((folder) => file.startsWith(folder)))];
}

const COVERAGE: readonly string[] = [
  '--experimental-test-coverage',
  '--test-coverage-include=src/**',
  '--test-coverage-lines=95',
  '--test-coverage-branches=90',
];

const { values, positionals } = parseArgs({
  options: { all: { type: 'boolean', default: false }, coverage: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const directory = mkdtempSync(join(tmpdir(), 'lease-elector-tests-'));
const all = values.all || values.coverage;
const leftOut = all ? COMMANDS_OF_THEIR_OWN : [...COMMANDS_OF_THEIR_OWN, ...SLOW];
const files =
  positionals.length > 0
    ? positionals
    : together(
        globSync('test/**/*.test.ts')
          .map((file) => file.replaceAll('\\', '/'))
          .filter((file) => !leftOut.some((start) => file.startsWith(start)))
          .sort(),
        directory,
      );
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=4', '--test-timeout=120000', ...(values.coverage ? COVERAGE : []), ...files],
  {
    stdio: 'inherit',
    env: {
      NODE_COMPILE_CACHE: 'node_modules/.cache/lease-elector-compile',
      ...process.env,
      // The number of simulated clusters follows from it.
      LEASE_ELECTOR_ALL_TESTS: all ? '1' : '0',
    },
  },
);
rmSync(directory, { recursive: true });
process.exitCode = status ?? 1;

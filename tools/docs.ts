/**
 * Builds the documentation site into `docs-site/.vitepress/dist`, a folder that any static host serves.
 *
 * The pages are the Markdown of the repository, and the API reference comes from the comments of `src`. VitePress and typedoc
 * are in `docs-site`, with a lock file of their own, so that `npm ci` of the library does not install them.
 *
 * `DOCS_BASE` is the path at which the site is served, `/` by default.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspectSite } from './site-links.ts';
import { apiNavigation, writePages } from './site-pages.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SITE = path.join(ROOT, 'docs-site');
const PAGES = path.join(SITE, '.pages');
const OUTPUT = path.join(SITE, '.vitepress', 'dist');

/** The folder of each entry in the reference, its name, and its file. */
const ENTRIES = [
  { folder: 'lease-elector', name: 'lease-elector', file: '../src/index.ts' },
  { folder: 'testing', name: 'lease-elector/testing', file: '../src/testing/index.ts' },
] as const;

/** Runs a program in `docs-site`. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const [status] = await once(spawn(command, [...args], { cwd: SITE, stdio: 'inherit' }), 'exit');
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} has failed: ${status}. Its output says why.`);
}

const program = (file: string, args: readonly string[]): Promise<void> =>
  run(process.execPath, [path.join(SITE, 'node_modules', file), ...args]);

/** Installs the tools, unless those of the lock file are there. */
async function install(): Promise<void> {
  const lock = path.join(SITE, 'package-lock.json');
  const installed = path.join(SITE, 'node_modules', '.installed-lock.json');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === readFileSync(lock, 'utf8')) return;
  await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund']);
  copyFileSync(lock, installed);
}

await install();
rmSync(PAGES, { recursive: true, force: true });
const guide = writePages(ROOT, PAGES);
await Promise.all(
  ENTRIES.map(({ folder, name, file }) =>
    program('typedoc/bin/typedoc', [
      ...['--options', 'typedoc.json'],
      ...['--name', name],
      ...['--out', path.join(PAGES, 'api', folder)],
      file,
    ]),
  ),
);
const api = apiNavigation(
  path.join(PAGES, 'api'),
  Object.fromEntries(ENTRIES.map(({ folder, name }) => [folder, name])),
);
writeFileSync(path.join(PAGES, 'navigation.json'), JSON.stringify({ guide, api }));
await program('vitepress/bin/vitepress.js', ['build', '.']);

const { pages, followed, broken, foreign } = inspectSite(OUTPUT, process.env['DOCS_BASE'] ?? '/');
process.stdout.write(`${pages.length} pages, ${followed} links within the site: ${OUTPUT}\n`);
for (const line of broken) process.stderr.write(`broken link: ${line}\n`);
for (const line of foreign) process.stderr.write(`from another server: ${line}\n`);
if (broken.length + foreign.length > 0) process.exitCode = 1;

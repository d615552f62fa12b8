/**
 * Builds the library and the measured processes into a separate directory.
 *
 * They must run as JavaScript, as users run them: stripping types loads a WebAssembly compiler into the
 * process, which costs more than the whole library.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../tools/build.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The files of the measured processes, built and in source. */
export interface Build {
  /** The built JavaScript of `bench/children/<name>.ts`. */
  script(name: string): string;
  /** The source itself, to be run by type stripping. */
  source(name: string): string;
  remove(): void;
}

/** Always builds, because figures of an old `dist` would mislead. */
export async function build(): Promise<Build> {
  const directory = mkdtempSync(path.join(tmpdir(), 'lease-elector-bench-'));
  const compiler = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [compiler, '-p', path.join(ROOT, 'bench', 'tsconfig.json'), '--outDir', directory], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // The library itself as it is published: one file.
  await bundle(path.join(directory, 'src'));
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  return {
    script: (name) => path.join(directory, 'bench', 'children', `${name}.js`),
    source: (name) => path.join(ROOT, 'bench', 'children', `${name}.ts`),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

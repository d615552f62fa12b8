/**
 * Builds `dist`: JavaScript by esbuild, declarations by tsc and API Extractor.
 *
 * One file for each entry instead of one for each source file: reading and compiling some thirty small modules takes a
 * large part of the time from the start of a process to its election (`npm run bench -- --only start-up`).
 */

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  type IConfigApiReport,
} from '@microsoft/api-extractor';
import { build, type Plugin } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * The public entries. Entries of one group share files. `index` is alone in its group, so that an application never
 * loads the test server.
 */
const ENTRY_GROUPS = [['index'], ['testing/index', 'command/main']];

/** The entries that other programs import, and the name of the report on each one's public API. */
const TYPED_ENTRIES = { index: 'lease-elector', 'testing/index': 'testing' };

/** Where the accepted reports on the public API are. */
export const API_REPORTS: string = path.join(ROOT, 'etc');

/** The names that the source imports from the package `yaml`. If one is missing here, the build fails. */
const YAML_NAMES = ['LineCounter', 'parseAllDocuments'];

/** The compiler options with which API Extractor reads the declarations that tsc has written. */
const ROLL_UP_OPTIONS = {
  target: 'es2023',
  lib: ['es2024', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  // `npm run check` already checks the declarations of the dependencies.
  skipLibCheck: true,
};

/**
 * Puts the used part of the package `yaml` into the bundle, so that an installation needs no package for the test
 * server alone. It is minified, which halves its size. Its license requires the notice in every copy.
 */
const bundledYaml: Plugin = {
  name: 'bundled-yaml',
  setup({ onResolve, onLoad }) {
    const directory = path.join(ROOT, 'node_modules', 'yaml');
    const entry = path.join(directory, 'browser', 'dist', 'index.js');
    onResolve({ filter: /^yaml$/ }, () => ({ path: entry }));
    onLoad({ filter: /[\\/]yaml[\\/]browser[\\/]dist[\\/]index\.js$/ }, async () => {
      const { outputFiles } = await build({
        // The modules for browsers are ECMAScript, and do not need Node.js.
        stdin: {
          contents: `export { ${YAML_NAMES.join(', ')} } from './browser/dist/index.js';`,
          resolveDir: directory,
        },
        bundle: true,
        minify: true,
        format: 'esm',
        target: 'node22',
        write: false,
      });
      const notice = readFileSync(path.join(directory, 'LICENSE'), 'utf8');
      return { contents: `/*! The package yaml\n\n${notice}*/\n${outputFiles[0]?.text ?? ''}`, loader: 'js' };
    });
  },
};

/**
 * Writes the JavaScript of the public entries into `directory`. Identifiers keep their names. `yaml` is included, other
 * dependencies are not.
 */
export async function bundle(directory: string): Promise<void> {
  await Promise.all(ENTRY_GROUPS.map((entries) => bundleGroup(directory, entries)));
}

async function bundleGroup(directory: string, entries: readonly string[]): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(entries.map((entry) => [entry, `src/${entry}.ts`])),
    outdir: directory,
    bundle: true,
    // For the modules that are imported on demand.
    splitting: true,
    chunkNames: '[name]-[hash]',
    packages: 'external',
    plugins: [bundledYaml],
    // The files of the library keep their lines, and the comments that make a bundler leave an import alone. The files
    // of the test server and of the commands need neither.
    minifyWhitespace: !entries.includes('index'),
    minifySyntax: true,
    // The check of the Node.js version is imported for its side effect. `sideEffects` in package.json describes `dist`,
    // not `src`.
    ignoreAnnotations: true,
    // Stack traces of `node --enable-source-maps` and debuggers show the TypeScript.
    sourcemap: true,
    // Names and lines suffice: the sources would double what is installed.
    sourcesContent: false,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    logLevel: 'warning',
  });
}

/**
 * Writes the declarations of the public entries into `directory`: one file for each entry, with the exported names
 * alone.
 *
 * tsc writes a file for each source file; API Extractor rolls them up. It brings a TypeScript of its own, since
 * TypeScript 7 has no JavaScript API.
 *
 * With `reports`, a report on each entry's public API is written into that directory: every name, signature and type.
 *
 * @throws {Error} when a public signature names a type that is not exported
 */
export async function declare(directory: string, reports?: string): Promise<void> {
  // Within the project, so that the types of its dependencies are found.
  const separate = mkdtempSync(path.join(ROOT, '.declarations-'));
  try {
    const compiler = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const project = path.join(ROOT, 'tools', 'tsconfig.build.json');
    await promisify(execFile)(process.execPath, [compiler, '-p', project, '--outDir', separate]);
    if (reports !== undefined) mkdirSync(reports, { recursive: true });
    for (const [entry, name] of Object.entries(TYPED_ENTRIES)) {
      const report =
        reports === undefined
          ? { enabled: false }
          : {
              enabled: true,
              reportFileName: name,
              reportFolder: reports,
              reportTempFolder: path.join(separate, 'reports'),
            };
      rollUp(path.join(separate, `${entry}.d.ts`), path.join(directory, `${entry}.d.ts`), report);
    }
  } finally {
    rmSync(separate, { recursive: true, force: true });
  }
}

function rollUp(from: string, to: string, apiReport: IConfigApiReport): void {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(ROOT, 'package.json'),
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: from,
      newlineKind: 'lf',
      compiler: { overrideTsconfig: { compilerOptions: ROLL_UP_OPTIONS, files: [from] } },
      apiReport,
      docModel: { enabled: false },
      tsdocMetadata: { enabled: false },
      dtsRollup: { enabled: true, untrimmedFilePath: to },
      messages: {
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Error },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const { errorCount } = Extractor.invoke(config, { localBuild: true, messageCallback: report });
  if (errorCount > 0) throw new Error(`${path.relative(ROOT, to)} cannot be written; the messages above say why`);
}

/**
 * Drops the greeting of API Extractor, and its messages that a report has changed: a caller compares the reports itself.
 */
function report(message: ExtractorMessage): void {
  const { logLevel, messageId } = message;
  const isFault = logLevel === ExtractorLogLevel.Error || logLevel === ExtractorLogLevel.Warning;
  if (!isFault || messageId.startsWith('console-api-report-')) message.handled = true;
}

if (import.meta.main) {
  const directory = path.join(ROOT, 'dist');
  rmSync(directory, { recursive: true, force: true });
  await Promise.all([declare(directory), bundle(directory)]);
}

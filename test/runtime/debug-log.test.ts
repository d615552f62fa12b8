/**
 * `DEBUG=lease-elector*`: which namespaces it asks for, and how lines wait for the package that prints them.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import createDebug from 'debug';
import fc from 'fast-check';
import { DebugPrinter, isAsked, WAITING_LINES_LIMIT } from '../../src/runtime/debug-log.ts';

const DEBUG_LOG = new URL('../../src/runtime/debug-log.ts', import.meta.url).href;
const run = promisify(execFile);

/** A printer that notes its lines as `<by> <namespace> <text>`, and a package that the test loads. */
function world(): {
  readonly lines: string[];
  readonly printer: DebugPrinter;
  readonly print: (text: string, namespace?: string) => void;
  readonly debugLoads: () => Promise<void>;
  readonly debugFails: () => Promise<void>;
} {
  const lines: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<(namespace: string) => (text: string) => void>();
  const printer = new DebugPrinter(
    () => promise,
    (text) => lines.push(`plain ${text.trimEnd()}`),
  );
  return {
    lines,
    printer,
    print: (format, namespace = 'a') => printer.print({ namespace, format, values: [] }),
    async debugLoads() {
      resolve((namespace) => (text) => lines.push(`debug ${namespace} ${text}`));
      await printer.load();
    },
    async debugFails() {
      reject(new Error('Dynamic require of "tty" is not supported'));
      await printer.load();
    },
  };
}

test('lines wait in their order until debug is loaded, and are printed at once after that', async () => {
  const { lines, print, debugLoads } = world();
  print('one');
  print('two', 'b');
  assert.deepEqual(lines, []);
  await debugLoads();
  assert.deepEqual(lines, ['debug a one', 'debug b two']);
  print('three');
  assert.deepEqual(lines.slice(2), ['debug a three']);
});

test('lines are printed plainly when debug cannot be loaded', async () => {
  const { lines, printer, print, debugFails } = world();
  print('one');
  await debugFails();
  printer.print({ namespace: 'b', format: '%s: %d', values: ['list', 200] });
  assert.deepEqual(lines, ['plain a one', 'plain b list: 200']);
});

test('lines that still wait are printed plainly when the process ends', () => {
  const { lines, printer, print } = world();
  print('one');
  printer.end();
  assert.deepEqual(lines, ['plain a one']);
  printer.end();
  assert.equal(lines.length, 1);
});

test('lines are still printed by debug when the process ends after debug was loaded', async () => {
  const { lines, printer, print, debugLoads } = world();
  await debugLoads();
  printer.end();
  print('one', 'b');
  assert.deepEqual(lines, ['debug b one']);
});

test('lines beyond the limit are counted when debug is not loaded yet', async () => {
  const { lines, print, debugFails } = world();
  for (let count = 0; count < WAITING_LINES_LIMIT + 3; count += 1) print('x');
  await debugFails();
  assert.equal(lines.length, WAITING_LINES_LIMIT + 1);
  assert.equal(lines.at(-1), 'plain lease-elector 3 lines are lost');
});

test('the namespaces that $DEBUG asks for are those that the package debug enables', () => {
  const piece = fc.constantFrom('lease-elector', '*', ':', 'kube', '-', ',', ' ', 'express', 'e', 'lease', ':k', 'b*e');
  const namespace = fc.constantFrom('lease-elector', 'lease-elector:kube', 'lease-elector:driver', 'lease');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), namespace, (pieces, name) => {
      const variable = pieces.join('');
      createDebug.enable(variable);
      assert.equal(isAsked(name, variable), createDebug.enabled(name), variable);
    }),
    { numRuns: 3_000 },
  );
  createDebug.disable();
});

/** What a process that logs two lines writes to stderr. */
async function stderrOf(
  t: TestContext,
  debugVariable: string,
  { before = '', after = "setTimeout(() => log('second'), 100);" } = {},
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-debug-log-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const script = join(directory, 'log.mjs');
  writeFileSync(
    script,
    `${before}
    const { debugLog } = await import(${JSON.stringify(DEBUG_LOG)});
    const log = debugLog('lease-elector:driver');
    log('first %s', log.enabled);
    ${after}`,
  );
  const environment = { PATH: process.env['PATH'], DEBUG: debugVariable };
  return (await run(process.execPath, ['--no-warnings', script], { env: environment })).stderr;
}

test('a process prints its lines by debug when $DEBUG asks for them', async (t) => {
  const [asked, empty, another] = await Promise.all([
    stderrOf(t, 'lease-elector*'),
    stderrOf(t, ''),
    stderrOf(t, 'express:*'),
  ]);
  assert.match(asked, /^\S+Z lease-elector:driver first true\n\S+Z lease-elector:driver second\n$/);
  assert.deepEqual([empty, another], ['', '']);
});

test('a process prints its lines plainly when the package debug is missing', async (t) => {
  const hooks = `import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier === 'debug') throw new Error('missing');
        return next(specifier, context);
      },
    });`;
  assert.equal(
    await stderrOf(t, 'lease-elector*', { before: hooks }),
    'lease-elector:driver first true\nlease-elector:driver second\n',
  );
});

test('a process prints its lines when it exits before the package debug is loaded', async (t) => {
  assert.equal(await stderrOf(t, 'lease-elector*', { after: 'process.exit(0);' }), 'lease-elector:driver first true\n');
});

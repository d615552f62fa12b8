/**
 * Checks that the debug output reports a logger that fails, and a warning of the process that fails.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Logger } from '../../src/index.ts';
import { debugOutput } from '../worlds/debug-output.ts';
import { until } from '../worlds/until.ts';

/** A module reads `$DEBUG` when it is loaded, so the query loads it again. */
function loadAgain(file: string): Promise<unknown> {
  return import(new URL(`../../src/leadership/${file}?debug`, import.meta.url).href);
}

async function loadApplicationLog() {
  return (await loadAgain('application-log.ts')) as typeof import('../../src/leadership/application-log.ts');
}

function fails(): never {
  throw new Error('disk full');
}

const LOGGERS: Readonly<Record<string, () => unknown>> = {
  throws: fails,
  rejects: async () => fails(),
};

for (const [how, write] of Object.entries(LOGGERS)) {
  test(`the debug output reports the failure of a logger that ${how}`, async (t) => {
    const texts = debugOutput(t, 'lease-elector');
    const { ApplicationLog } = await loadApplicationLog();
    const logger: Logger = { debug: write, info: write, warn: write, error: write };
    new ApplicationLog(logger).stopped();
    await until('the line is written', () => texts.length > 0);
    assert.match(texts.join(''), /lease-elector.*the logger failed: Error: disk full/);
  });
}

test('the debug output reports nothing when there is no logger', async (t) => {
  const texts = debugOutput(t, 'lease-elector');
  const { ApplicationLog } = await loadApplicationLog();
  new ApplicationLog(undefined).stopped();
  // Lines are printed in their order.
  new ApplicationLog({ debug: fails, info: fails, warn: fails, error: fails }).stopped();
  await until('the second line is written', () => texts.join('').includes('disk full'));
  assert.doesNotMatch(texts.join(''), /TypeError/);
});

test('the debug output reports a warning of the process that fails, with its code and its message', async (t) => {
  const texts = debugOutput(t, 'lease-elector');
  const { warnProcess } = (await loadAgain(
    'process-warning.ts',
  )) as typeof import('../../src/leadership/process-warning.ts');
  t.mock.method(process, 'emitWarning', fails);
  warnProcess({ event: 'warning', code: 'twin', message: 'another process leads' });
  await until('the line is written', () => texts.length > 0);
  assert.match(
    texts.join(''),
    /lease-elector.*a process warning failed: twin: another process leads: Error: disk full/,
  );
});

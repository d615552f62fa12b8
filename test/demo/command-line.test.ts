/**
 * The arguments of the demo.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../demo/command-line.ts';

test('without arguments the demo runs', () => {
  assert.deepEqual(readCommandLine([]), { plain: false, help: false });
});

test('--plain selects an output of lines', () => {
  assert.deepEqual(readCommandLine(['--plain']), { plain: true, help: false });
});

test('--help selects the usage', () => {
  assert.deepEqual(readCommandLine(['--plain', '--help']), { plain: true, help: true });
});

test('--timeline and --record take the names of files', () => {
  const options = readCommandLine(['--timeline', 'run.html', '--record=run.json']);
  assert.deepEqual(options, { plain: false, help: false, timeline: 'run.html', record: 'run.json' });
});

for (const args of [
  ['--timeline'],
  ['--timeline='],
  ['--record', ''],
  ['--kube'],
  ['file'],
  ['--kubeconfig'],
  ['--kubeconfig='],
  ['--plain=yes'],
]) {
  test(`the message names the option when the arguments are ${args.join(' ')}`, () => {
    const message = readCommandLine(args);
    assert.ok(typeof message === 'string');
    assert.match(message, new RegExp(args[0]?.split('=')[0] ?? ''));
  });
}

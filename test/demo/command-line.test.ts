/**
 * The arguments of the demo.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../demo/command-line.ts';

test('without arguments the demo runs', () => {
  assert.deepEqual(readCommandLine([]), { ask: 'run', plain: false });
});

test('--plain asks for lines', () => {
  assert.deepEqual(readCommandLine(['--plain']), { ask: 'run', plain: true });
});

test('--help wins over the rest', () => {
  assert.deepEqual(readCommandLine(['--plain', '--help']), { ask: 'help' });
});

for (const args of [['--kube'], ['file'], ['--kubeconfig'], ['--kubeconfig='], ['--plain=yes']]) {
  test(`${args.join(' ')} is nonsense, and the message names it`, () => {
    const commandLine = readCommandLine(args);
    assert.equal(commandLine.ask, 'nonsense');
    assert.match(commandLine.ask === 'nonsense' ? commandLine.message : '', new RegExp(args[0]?.split('=')[0] ?? ''));
  });
}

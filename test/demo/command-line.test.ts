/**
 * The arguments of the demo.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../demo/command-line.ts';

test('without arguments it plays on the embedded server', () => {
  assert.deepEqual(readCommandLine([]), { ask: 'play', kubeconfig: null, plain: false });
});

test('--kubeconfig names a file, in either spelling', () => {
  for (const args of [['--kubeconfig', 'file'], ['--kubeconfig=file']]) {
    assert.deepEqual(readCommandLine(args), { ask: 'play', kubeconfig: 'file', plain: false });
  }
});

test('--plain asks for lines', () => {
  assert.deepEqual(readCommandLine(['--plain']), { ask: 'play', kubeconfig: null, plain: true });
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

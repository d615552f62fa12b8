/**
 * The arguments of the demo.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCommandLine } from '../../demo/command-line.ts';

test('without arguments the demo runs', () => {
  assert.deepEqual(readCommandLine([]), { plain: false, help: false });
});

test('--plain asks for lines', () => {
  assert.deepEqual(readCommandLine(['--plain']), { plain: true, help: false });
});

test('--help asks for the usage', () => {
  assert.deepEqual(readCommandLine(['--plain', '--help']), { plain: true, help: true });
});

for (const args of [['--kube'], ['file'], ['--kubeconfig'], ['--kubeconfig='], ['--plain=yes']]) {
  test(`${args.join(' ')} is wrong, and the message names it`, () => {
    const message = readCommandLine(args);
    assert.ok(typeof message === 'string');
    assert.match(message, new RegExp(args[0]?.split('=')[0] ?? ''));
  });
}

/**
 * Checks when a small file is read again, and the error when it cannot be read.
 */

import assert from 'node:assert/strict';
import { renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LeaseElectorError } from '../../src/errors.ts';
import { readIfChanged } from '../../src/kube/watched-file.ts';
import { serviceAccountDirectory } from './stub-server.ts';

test('a file is read again when its inode, its time or its size has changed', (t) => {
  const path = join(serviceAccountDirectory(t), 'watched');
  const write = (text: string, file: string = path, second: number = 1_000): void => {
    writeFileSync(file, text);
    utimesSync(file, second, second);
  };
  write(' abc\n');
  const first = readIfChanged(path, null);
  assert.equal(first.text, 'abc');
  assert.equal(readIfChanged(path, first), first);
  write('abcd');
  const longer = readIfChanged(path, first);
  assert.equal(longer.text, 'abcd');
  write('abce', path, 2_000);
  const later = readIfChanged(path, longer);
  assert.equal(later.text, 'abce');
  write('abcf', `${path}.new`, 2_000);
  renameSync(`${path}.new`, path);
  assert.equal(readIfChanged(path, later).text, 'abcf');
});

test('the error has the reason of the file system as its cause', (t) => {
  const path = join(serviceAccountDirectory(t), 'missing');
  assert.throws(
    () => readIfChanged(path, null),
    (error: LeaseElectorError) => {
      assert.equal(error.code, 'ERR_LEASE_ELECTOR_CREDENTIALS');
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ENOENT');
      return true;
    },
  );
});

/**
 * Every package of the lock file has a license that permits its use: a short list for what users install, a longer one
 * for what only developers run.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Locked {
  readonly license?: string;
  readonly dev?: boolean;
}

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const LOCKED = Object.entries(packages).filter(([place]) => place !== '');

/** A program may contain them, whatever its own license. */
const PUBLISHED: readonly string[] = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Nothing of them is published: tools, and data of tools. */
const DEVELOPMENT: readonly string[] = [
  ...PUBLISHED,
  'BlueOak-1.0.0',
  'MIT OR Apache-2.0',
  'PSF-2.0',
  'Python-2.0',
  'Unlicense',
  'WTFPL',
  // Data about browsers, and a list of misspelt words.
  'CC BY-SA 4.0',
  'CC-BY-4.0',
  'CC0-1.0',
];

/** The packages whose license is not in a list. */
function outside(list: readonly string[], entries: readonly (readonly [string, Locked])[]): string[] {
  return entries
    .filter(([, { license }]) => license === undefined || !list.includes(license))
    .map(([place, { license }]) => `${place}: ${license}`);
}

test('what users install has a permissive license', () => {
  const published = LOCKED.filter(([, { dev }]) => dev !== true);
  assert.ok(published.length >= 3, String(published.length));
  assert.deepEqual(outside(PUBLISHED, published), []);
});

test('what the build puts into the bundle has a permissive license', () => {
  const bundled = LOCKED.filter(([place]) => place === 'node_modules/yaml');
  assert.equal(bundled.length, 1);
  assert.deepEqual(outside(PUBLISHED, bundled), []);
});

test('what developers run has a license that permits it', () => {
  assert.deepEqual(outside(DEVELOPMENT, LOCKED), []);
});

test('the tools of the documentation site have a license that permits it', () => {
  const lock = readFileSync(new URL('../docs-site/package-lock.json', import.meta.url), 'utf8');
  const tools = Object.entries<Locked>(JSON.parse(lock).packages).filter(([place]) => place !== '');
  assert.ok(tools.length > 50);
  assert.deepEqual(outside(DEVELOPMENT, tools), []);
});

test('a license that is not listed, and a missing one, are found', () => {
  assert.deepEqual(
    outside(PUBLISHED, [
      ['a', { license: 'GPL-3.0' }],
      ['b', {}],
      ['c', { license: 'MIT' }],
    ]),
    ['a: GPL-3.0', 'b: undefined'],
  );
});

/**
 * Checks that every package of the lock file has a permitted license: a short list for the packages that users install,
 * a longer one for the tools of developers.
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

/** Licenses that permit any program to contain the package. */
const PUBLISHED: readonly string[] = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

/** Licenses of tools and their data, which are not published. */
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

test('the packages that users install have a permissive license', () => {
  const published = LOCKED.filter(([, { dev }]) => dev !== true);
  assert.ok(published.length >= 3, String(published.length));
  assert.deepEqual(outside(PUBLISHED, published), []);
});

test('the packages in the bundle have a permissive license', () => {
  const bundled = LOCKED.filter(([place]) => place === 'node_modules/yaml');
  assert.equal(bundled.length, 1);
  assert.deepEqual(outside(PUBLISHED, bundled), []);
});

test('the packages of developers have a permitted license', () => {
  assert.deepEqual(outside(DEVELOPMENT, LOCKED), []);
});

test('the tools of the documentation site have a permitted license', () => {
  const lock = readFileSync(new URL('../docs-site/package-lock.json', import.meta.url), 'utf8');
  const tools = Object.entries<Locked>(JSON.parse(lock).packages).filter(([place]) => place !== '');
  assert.ok(tools.length > 50);
  assert.deepEqual(outside(DEVELOPMENT, tools), []);
});

test('an unlisted or missing license is found', () => {
  assert.deepEqual(
    outside(PUBLISHED, [
      ['a', { license: 'GPL-3.0' }],
      ['b', {}],
      ['c', { license: 'MIT' }],
    ]),
    ['a: GPL-3.0', 'b: undefined'],
  );
});

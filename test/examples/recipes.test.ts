/**
 * The page of recipes names every example that is a program.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

test('docs/recipes.md links every folder of examples/ except testing/ and installation/', () => {
  const root = new URL('../../', import.meta.url);
  const page = readFileSync(new URL('docs/recipes.md', root), 'utf8');
  const linked = new Set([...page.matchAll(/\]\(\.\.\/examples\/([^/)]+)\//g)].map(([, folder]) => folder));
  const folders = readdirSync(new URL('examples/', root)).filter(
    (folder) => folder !== 'testing' && folder !== 'installation',
  );
  assert.deepEqual([...linked].sort(), folders.sort());
});

/**
 * Checks that the picture of the architecture shows the present imports.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { drawArchitecture } from '../tools/architecture.ts';

test('docs/architecture.svg shows the present imports (npm run architecture draws it)', () => {
  const file = new URL('../docs/architecture.svg', import.meta.url);
  assert.equal(readFileSync(file, 'utf8'), drawArchitecture());
});

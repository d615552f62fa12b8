/**
 * Runs the examples: what users copy must work. Each file registers its own tests.
 */

import { readdirSync } from 'node:fs';

const directory = new URL('../examples/testing/', import.meta.url);
for (const file of readdirSync(directory)) {
  if (file.endsWith('.test.ts')) await import(new URL(file, directory).href);
}

/**
 * Runs the examples: what users copy must work. Each file registers its own tests.
 */

import { globSync } from 'node:fs';

const directory = new URL('../examples/', import.meta.url);
for (const file of globSync('**/*.test.ts', { cwd: directory }).sort()) await import(new URL(file, directory).href);

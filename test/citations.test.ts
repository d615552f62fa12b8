/**
 * What the code cites is in the repository: every numbered fact, every section of the design, and every file that a
 * document links to.
 */

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');

const FACTS = numbersOf(read('docs/kubernetes-behaviour.md'), /^(\d+)\. /gm);
const SECTIONS = numbersOf(read('docs/design.md'), /^## (\d+)\. /gm);

function numbersOf(text: string, pattern: RegExp): ReadonlySet<number> {
  return new Set(Array.from(text.matchAll(pattern), ([, number]) => Number(number)));
}

/** Comments break lines, so the words of a citation may be apart. */
const BREAK = String.raw`(?:\s|\*|//)+`;
const FACT = new RegExp(
  String.raw`\bfacts?${BREAK}(\d+)(?:(?:,${BREAK}\d+)*,?${BREAK}(?:and|to|or)${BREAK}(\d+))?`,
  'gi',
);
const SECTION = new RegExp(String.raw`\bdesign,${BREAK}section${BREAK}(\d+)`, 'gi');

const SOURCES = ['src', 'test', 'demo', 'bench', 'tools', 'examples']
  .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
  .filter((file) => !file.endsWith('citations.test.ts'));
const DOCUMENTS = [...globSync('*.md', { cwd: ROOT }), ...globSync('docs/**/*.md', { cwd: ROOT })];

/** Each citation of a pattern, with the numbers that it names. */
function citations(pattern: RegExp): readonly (readonly [where: string, number: number])[] {
  return [...SOURCES, ...DOCUMENTS].flatMap((file) =>
    Array.from(read(file).matchAll(pattern)).flatMap(([text, ...numbers]) =>
      numbers
        .filter((number) => number !== undefined)
        .map((number) => [`${file}: ${text.replaceAll(/[\s*/]+/g, ' ')}`, Number(number)] as const),
    ),
  );
}

for (const [what, pattern, known] of [
  ['fact', FACT, FACTS],
  ['section of the design', SECTION, SECTIONS],
] as const) {
  test(`every ${what} that is cited exists`, () => {
    const cited = citations(pattern);
    assert.ok(cited.length > 0, 'the pattern finds no citation');
    assert.deepEqual(
      cited.filter(([, number]) => !known.has(number)).map(([where]) => where),
      [],
    );
  });
}

test('the facts and the sections are numbered without a gap', () => {
  for (const numbers of [FACTS, SECTIONS]) {
    assert.deepEqual(
      [...numbers],
      Array.from({ length: numbers.size }, (_, index) => index + 1),
    );
  }
});

test('every recording that a fact names exists', () => {
  const named = Array.from(read('docs/kubernetes-behaviour.md').matchAll(/\[([a-z][a-z0-9, `-]+)\]/g), ([, names]) =>
    (names ?? '').split(', '),
  ).flat();
  assert.ok(named.length > 20);
  const missing = named.filter(
    (name) => /^[a-z0-9-]+$/.test(name) && !existsSync(path.join(ROOT, `test/conformance/recordings/${name}.json`)),
  );
  assert.deepEqual(missing, []);
});

test('every file that a document links to exists', () => {
  const missing = DOCUMENTS.flatMap((document) =>
    Array.from(read(document).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g))
      .map(([, target]) => path.join(path.dirname(document), target ?? ''))
      .filter((target) => !existsSync(path.join(ROOT, target)))
      .map((target) => `${document} → ${target}`),
  );
  assert.deepEqual(missing, []);
});

test('docs/architecture.md names every fact and every effect', () => {
  const document = read('docs/architecture.md');
  const declared = ['src/core/input.ts', 'src/core/effect.ts'].flatMap((file) => {
    const union = read(file).match(/export type (?:Fact|Effect) =[\s\S]*?;\n\n/)?.[0] ?? '';
    return Array.from(union.matchAll(/readonly type: '(\w+)'/g), ([, name]) => name);
  });
  assert.ok(declared.length > 30, String(declared));
  assert.deepEqual(
    declared.filter((name) => !document.includes(`\`${name}\``)),
    [],
  );
});

test('every source file that docs/architecture.md names exists', () => {
  const files = Array.from(
    read('docs/architecture.md').matchAll(/`((?:\w[\w-]*\/)+[\w-]+\.ts)`/g),
    ([, file]) => file ?? '',
  );
  assert.ok(files.length > 10);
  assert.deepEqual(
    files.filter((file) => !existsSync(path.join(ROOT, 'src', file)) && !existsSync(path.join(ROOT, file))),
    [],
  );
});

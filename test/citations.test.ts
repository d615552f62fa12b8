/**
 * Checks that everything that the code cites exists: numbered facts, sections of the design, and the files and headings
 * that documents link to.
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

/** Comments break lines, so a line break may be inside a citation. */
const BREAK = String.raw`(?:\s|\*|//)+`;
const FACT = new RegExp(
  String.raw`\bfacts?${BREAK}(\d+)(?:(?:,${BREAK}\d+)*,?${BREAK}(?:and|to|or)${BREAK}(\d+))?`,
  'gi',
);
const SECTION = new RegExp(String.raw`\bdesign,${BREAK}section${BREAK}(\d+)`, 'gi');

const SOURCES = ['src', 'test', 'demo', 'bench', 'tools', 'examples']
  .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: ROOT }))
  .filter((file) => !file.endsWith('citations.test.ts'));
const DOCUMENTS = ['*.md', 'docs/**/*.md', '.github/**/*.{md,yml}'].flatMap((files) => globSync(files, { cwd: ROOT }));

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

/** The path of a file with its folder, such as `core/verdict.ts`: in a document in backticks, in a source in a comment. */
const PATH = /(?:[\w.-]+\/)+[\w.-]+\.(?:test\.)?ts\b/g;
const IN_BACKTICKS = /`[^`\n]+`/g;
const COMMENT = /^ *(?:\/?\*|\/\/).*$/gm;

test('every file that a document or a comment names exists', () => {
  const files = [...SOURCES, 'test/citations.test.ts'].map((file) => `/${file}`);
  const named = [
    ...DOCUMENTS.map((file) => [file, IN_BACKTICKS] as const),
    ...SOURCES.map((file) => [file, COMMENT] as const),
  ]
    .flatMap(([file, places]) => (read(file).match(places) ?? []).map((text) => [file, text] as const))
    .flatMap(([file, text]) => (text.match(PATH) ?? []).map((name) => [file, name] as const));
  assert.ok(named.length > 50, `the pattern finds only ${named.length} names`);
  assert.deepEqual(
    named
      .filter(([, name]) => !files.some((file) => file.endsWith(`/${name}`)))
      .map(([file, name]) => `${file}: ${name}`),
    [],
  );
});

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

/** The anchor that GitHub makes of a heading. */
function anchorOf(heading: string): string {
  const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return words.replaceAll(/[^\p{Letter}\p{Number}\s_-]/gu, '').replaceAll(/\s/g, '-');
}

/** The anchors of a document. A repeated heading has a number. */
function anchorsOf(document: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const prose = read(document).replaceAll(/^```[\s\S]*?^```/gm, '');
  for (const [, heading = ''] of prose.matchAll(/^#{1,6} (.*)$/gm)) {
    const anchor = anchorOf(heading);
    let copy = 0;
    while (anchors.has(copy === 0 ? anchor : `${anchor}-${copy}`)) copy += 1;
    anchors.add(copy === 0 ? anchor : `${anchor}-${copy}`);
  }
  for (const [, name = ''] of prose.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(name);
  return anchors;
}

test('every heading that a document links to exists', () => {
  const links = DOCUMENTS.flatMap((document) =>
    Array.from(read(document).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)#([^)\s]*)\)/g), ([, target, anchor]) => ({
      where: `${document} → ${target}#${anchor}`,
      file: target ? path.join(path.dirname(document), target) : document,
      anchor: anchor ?? '',
    })),
  );
  assert.ok(links.length > 0);
  assert.deepEqual(
    links.filter(({ file, anchor }) => file.endsWith('.md') && !anchorsOf(file).has(anchor)).map(({ where }) => where),
    [],
  );
});

/** The address of this repository's files on GitHub. Documents that are also read elsewhere use it. */
const HOME = 'https://github.com/lease-elector/lease-elector';

test('every file and heading that a document names by its address on GitHub exists', () => {
  const pattern = new RegExp(String.raw`${HOME}/(?:blob|tree|raw)/main/([^)#\s"]+)(?:#([^)\s"]+))?`, 'g');
  const links = DOCUMENTS.flatMap((document) => Array.from(read(document).matchAll(pattern)));
  assert.ok(links.length > 0);
  assert.deepEqual(
    links
      .filter(([, file = '', anchor]) => {
        if (!existsSync(path.join(ROOT, file))) return true;
        return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor);
      })
      .map(([link]) => link),
    [],
  );
});

test('a published document has no relative link', () => {
  // npm and node_modules do not have the other files of the repository.
  const relative = ['README.md', 'CHANGELOG.md'].flatMap((document) =>
    Array.from(
      read(document).matchAll(/\]\((?!https?:|#|mailto:)([^)\s]+)\)/g),
      ([, target]) => `${document} → ${target}`,
    ),
  );
  assert.deepEqual(relative, [], `write ${HOME}/blob/main/ before each path`);
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

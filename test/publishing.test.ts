/**
 * Checks that the texts around the package agree: package.json, the README, the changelog, the supported versions, the
 * workflows and the dictionary.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.join(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const MANIFEST = JSON.parse(read('package.json'));

// package.json

test('package.json has the address of the project and requires provenance for a release', () => {
  const home = 'https://github.com/lease-elector/lease-elector';
  assert.deepEqual(MANIFEST.repository, { type: 'git', url: `git+${home}.git` });
  assert.equal(MANIFEST.homepage, `${home}#readme`);
  assert.deepEqual(MANIFEST.bugs, { url: `${home}/issues` });
  assert.ok(MANIFEST.author.length > 0);
  assert.equal(MANIFEST.funding, undefined);
  assert.deepEqual(MANIFEST.publishConfig, { access: 'public', provenance: true });
});

test('package-lock.json has the version of package.json', () => {
  const { version, packages } = JSON.parse(read('package-lock.json'));
  assert.deepEqual([version, packages[''].version], [MANIFEST.version, MANIFEST.version]);
});

test('a development dependency has an exact version', () => {
  const { devDependencies } = JSON.parse(read('docs-site/package.json'));
  for (const [name, version] of Object.entries({ ...MANIFEST.devDependencies, ...devDependencies })) {
    assert.match(String(version), /^\d+\.\d+\.\d+$/, name);
  }
});

// CHANGELOG.md, in the form of Keep a Changelog

const CHANGELOG = read('CHANGELOG.md');
const VERSIONS = [...CHANGELOG.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => {
  const [, version, date] = /^\[?(\d+\.\d+\.\d+[\w.-]*)\]? - (unreleased|\d{4}-\d{2}-\d{2})$/.exec(heading) ?? [];
  return { heading, version, date };
});

test('the changelog begins with the version of package.json, and its versions are in descending order', () => {
  for (const { heading, version } of VERSIONS) assert.ok(version !== undefined, heading);
  assert.equal(VERSIONS[0]?.version, MANIFEST.version);
  const versions = VERSIONS.map(({ version = '' }) => version);
  const falling = [...versions].sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  assert.deepEqual(versions, falling);
});

test('only the first version of the changelog may have no date, and the dates are in descending order', () => {
  const dates = VERSIONS.slice(1).map(({ date = '' }) => date);
  assert.ok(!dates.includes('unreleased'));
  assert.deepEqual(dates, [...dates].sort().reverse());
});

test('each version of the changelog has the sections of Keep a Changelog, at most once and in order', () => {
  const order = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];
  for (const part of CHANGELOG.split(/^## /m).slice(1)) {
    const sections = [...part.matchAll(/^### (.*)$/gm)].map(([, name = '']) => name);
    assert.ok(sections.length > 0, part.slice(0, 30));
    assert.deepEqual(
      sections,
      order.filter((name) => sections.includes(name)),
    );
    for (const section of part.split(/^### /m).slice(1)) assert.match(section, /\n- /, section.slice(0, 30));
  }
});

test('a version in brackets has its link', () => {
  const linked = VERSIONS.filter(({ heading }) => heading.startsWith('['));
  assert.ok(linked.length > 0);
  for (const { version } of linked) {
    assert.ok(CHANGELOG.includes(`\n[${version}]: ${MANIFEST.homepage.replace('#readme', '')}/`), version);
  }
});

// docs/support.md

const SUPPORT = read('docs/support.md');

/** The cells of the row of the table of supported versions that begins with a name. */
function row(name: string): readonly [promised: string, tested: string] {
  const line = SUPPORT.split('\n').find((text) => text.startsWith(`| ${name}`)) ?? '';
  const [, , promised = '', tested = ''] = line.split('|').map((cell) => cell.trim());
  return [promised, tested];
}

/** All versions of a text, as `24.21.0`. */
const versionsIn = (text: string): string[] => [...text.matchAll(/\d+\.\d+\.\d+/g)].map(([version]) => version);

test('the supported versions of Node.js are those of package.json and of the package tests', () => {
  const [promised, tested] = row('Node.js');
  assert.equal(MANIFEST.engines.node, `>=${promised}`);
  const runtimes = read('test/package/runtimes.test.ts');
  const run = [...runtimes.matchAll(/name: 'node', version: '(\S+)'/g)].map(([, version]) => version);
  assert.deepEqual(versionsIn(tested), run);
  assert.ok(run[0]?.startsWith(`${promised}.`));
  const [, matrix = ''] = /node: \[(.*)\]/.exec(read('.github/workflows/check.yml')) ?? [];
  assert.deepEqual(
    matrix.split(', ').map((version) => version.replaceAll(/['"]/g, '')),
    run.map((version, index) => (index === 0 ? version : version?.split('.')[0])),
  );
});

for (const [title, name] of [
  ['Bun', 'bun'],
  ['Deno', 'deno'],
] as const) {
  test(`the supported version of ${title} is that of the package tests`, () => {
    const [promised, tested] = row(title);
    const [, version = ''] =
      new RegExp(`name: '${name}',\\s*version: '(\\S+)'`).exec(read('test/package/runtimes.test.ts')) ?? [];
    assert.deepEqual(versionsIn(tested), [version]);
    assert.ok(version.startsWith(`${promised}.`));
  });
}

test('the supported versions of TypeScript are those of the package tests', () => {
  const [promised, tested] = row('TypeScript');
  const [, list = ''] = /const VERSIONS = \[(.*)\];/.exec(read('test/package/typescript.test.ts')) ?? [];
  const run = versionsIn(list);
  assert.deepEqual(versionsIn(tested), [run[0], run.at(-1)]);
  assert.ok(run[0]?.startsWith(`${promised}.`));
});

test('the supported versions of the Kubernetes client are those of package.json', () => {
  const [promised, tested] = row('`@kubernetes/client-node`');
  assert.equal(MANIFEST.peerDependencies['@kubernetes/client-node'], `>=${Number.parseInt(promised, 10)} <3`);
  assert.deepEqual(versionsIn(tested), [MANIFEST.devDependencies['@kubernetes/client-node']]);
});

// README.md

const README = read('README.md');

test('the README has at most 250 lines, and links to every page of docs', () => {
  assert.ok(README.split('\n').length <= 251);
  const pages = readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
  // Only the code cites the facts about API servers.
  const internal = ['kubernetes-behaviour.md'];
  const unlinked = pages.filter((name) => !README.includes(`/blob/main/docs/${name}`));
  assert.deepEqual(unlinked, internal);
});

test('the README promises the versions of docs/support.md', () => {
  const [, promises = ''] = /## Supported versions\n\n([\s\S]*?)\n\n/.exec(README) ?? [];
  for (const name of ['Node.js', 'Bun', 'Deno', 'TypeScript', 'Kubernetes']) {
    const [promised] = row(name);
    assert.match(promised, /^\d+\.\d+$/);
    assert.ok(promises.includes(`${name} ${promised}`), `${name} ${promised}`);
  }
  const [recorded, measured] = [...row('Kubernetes')[1].matchAll(/1\.\d+/g)].map(([version]) => version);
  assert.ok(promises.includes(`measured on ${measured} and ${recorded},\nrecorded on ${recorded}`));
});

test('the numbers of recordings and known gaps in the documents are correct', () => {
  const folder = 'test/conformance/recordings';
  const files = readdirSync(path.join(ROOT, folder)).filter((name) => name.endsWith('.json'));
  const steps = files
    .flatMap((name) => (JSON.parse(read(`${folder}/${name}`)) as { steps: { sleepMs?: number }[] }).steps)
    .filter(({ sleepMs }) => sleepMs === undefined).length;
  const gaps = (JSON.parse(read('test/conformance/gaps.json')) as { steps: Record<string, object> }[])
    .flatMap((gap) => Object.values(gap.steps))
    .reduce((sum, ids) => sum + Object.keys(ids).length, 0);
  const server = read('docs/embedded-server.md').replaceAll('\n', ' ');
  assert.ok(server.includes(`holds ${files.length} recorded scenarios with ${steps} steps`), String(steps));
  assert.ok(server.includes(`${steps - gaps} steps are answered as recorded. The other ${gaps} are listed`));
  assert.ok(README.includes(`${steps} recorded steps`));
  assert.ok(read('docs/correctness.md').includes(`${steps - gaps} of ${steps} recorded steps`));
});

// cspell-words.txt

test('the dictionary of the project is short and sorted and has no word twice', () => {
  const words = read('cspell-words.txt').trimEnd().split('\n');
  assert.deepEqual(words, [...new Set(words)].sort());
  assert.ok(words.length <= 60, `${words.length} words`);
});

// The public API

for (const name of ['lease-elector', 'testing']) {
  test(`each member of the public API in etc/${name}.api.md has a doc comment`, () => {
    const lines = read(`etc/${name}.api.md`).split('\n');
    assert.ok(lines.length > 300);
    assert.deepEqual(
      lines.filter((_, index) => lines[index - 1]?.includes('(undocumented)')),
      [],
    );
  });
}

/** The file of each name that an entry exports. */
function exportsOf(entry: string): readonly (readonly [name: string, file: string])[] {
  return [...read(entry).matchAll(/^export (?:type )?\{([^}]*)\} from '([^']*)';$/gm)].flatMap(
    ([, names = '', from = '']) =>
      names
        .split(',')
        .map((name) => name.trim().replace(/^type /, ''))
        .filter((name) => name !== '' && !name.includes(' as '))
        .map((name) => [name, path.posix.join(path.posix.dirname(entry), from)] as const),
  );
}

/** The names of the interfaces that a caller writes as an object: options and similar ones. */
const OPTIONS = /(Options|Grant|Revocation|Wishes|Filter|RandomFaults)$/;

/** The doc comment of an exported class, function or option interface; undefined for any other export. */
function commentOf(name: string, file: string): string | undefined {
  const declaration = new RegExp(`^export (?:abstract )?(class|function|interface) ${name}\\b`, 'm').exec(read(file));
  if (declaration === null || (declaration[1] === 'interface' && !OPTIONS.test(name))) return undefined;
  const before = read(file).slice(0, declaration.index);
  return before.endsWith('*/\n') ? before.slice(before.lastIndexOf('\n/**')) : '';
}

for (const [entry, least] of [
  ['src/index.ts', 9],
  ['src/testing/index.ts', 30],
] as const) {
  test(`each class, function and option interface of ${entry} has an example`, () => {
    const comments = exportsOf(entry).flatMap(([name, file]) => {
      const comment = commentOf(name, file);
      return comment === undefined ? [] : [[name, comment] as const];
    });
    assert.ok(comments.length >= least, `${comments.length} names`);
    const without = comments
      .filter(([, comment]) => !/^ \* @example\n \* ```ts\n/m.test(comment))
      .map(([name]) => name);
    assert.deepEqual(without, []);
  });
}

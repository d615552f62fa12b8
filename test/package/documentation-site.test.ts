/**
 * The documentation site: `npm run docs` builds it from the Markdown of the repository and the comments of `src`, and
 * it is complete, without a broken link, and works without a network.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { inspectSite, type SiteReport } from '../../tools/site-links.ts';
import { pageOf, sitePage, writePages } from '../../tools/site-pages.ts';
import { ROOT } from './installed-package.ts';

const SITE = join(ROOT, 'docs-site/.vitepress/dist');

/** The longest build with the installation of its tools on a busy machine, in milliseconds. */
const BUILD_TIMEOUT_MS = 390_000;

let report: SiteReport;
before(
  async () => {
    await promisify(execFile)(process.execPath, ['tools/docs.ts'], { cwd: ROOT, timeout: BUILD_TIMEOUT_MS });
    report = inspectSite(SITE);
  },
  { timeout: BUILD_TIMEOUT_MS },
);

/** The files of a folder of the site. */
const filesOf = (folder: string): string[] => readdirSync(join(SITE, folder), { recursive: true, encoding: 'utf8' });

/** A directory that is removed after the test. */
function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'lease-elector-site-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test('each Markdown file of docs/ is a page, and so are the README and the changelog', () => {
  const documents = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  assert.ok(documents.length > 20);
  for (const file of [...documents, 'README.md', 'CHANGELOG.md', 'SECURITY.md']) {
    const page = pageOf(file)?.replace(/md$/, 'html') ?? file;
    assert.ok(report.pages.includes(page), page);
  }
});

test('each subject has its page', () => {
  const subjects = ['concepts', 'getting-started', 'faq', 'performance', 'correctness', 'runbook', 'from-the-sidecar'];
  for (const subject of subjects) assert.ok(report.pages.includes(`${subject}.html`), subject);
  assert.ok(report.pages.includes('decisions/index.html'));
});

test('each public name of both entries has a page in the reference, with its source', () => {
  for (const [folder, name] of [
    ['lease-elector', 'lease-elector'],
    ['testing', 'testing'],
  ] as const) {
    const etc = readFileSync(join(ROOT, `etc/${name}.api.md`), 'utf8');
    const declared = [
      ...etc.matchAll(/^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/gm),
    ].map(([, one = '']) => one);
    assert.ok(declared.length > 30, folder);
    for (const one of declared) {
      const page = report.pages.find((file) => file.startsWith(`api/${folder}/`) && file.endsWith(`/${one}.html`));
      assert.ok(page !== undefined, `${folder}: ${one}`);
      assert.match(readFileSync(join(SITE, page), 'utf8'), /blob\/main\/src\/[\w/-]+\.ts#L\d+/, one);
    }
  }
});

test('every link has a target, and nothing is loaded from another server', () => {
  assert.ok(report.followed > 1000);
  assert.deepEqual(report.broken, []);
  assert.deepEqual(report.foreign, []);
});

test('each link to a file of the repository names a file that exists', () => {
  const links = report.pages.flatMap((page) => [
    ...readFileSync(join(SITE, page), 'utf8').matchAll(
      /href="https:\/\/github\.com\/lease-elector\/lease-elector\/(?:blob|tree)\/main\/([^"#]+)/g,
    ),
  ]);
  assert.ok(links.length > 100);
  const missing = new Set(links.map(([, file = '']) => file).filter((file) => !existsSync(join(ROOT, file))));
  assert.deepEqual([...missing], []);
});

test('the search has its index in the site, with the text of the guide and of the reference', () => {
  const indexes = filesOf('assets').filter((name) => /localSearchIndex.*\.js$/.test(name));
  assert.equal(indexes.length, 1);
  const index = readFileSync(join(SITE, 'assets', indexes[0] ?? ''), 'utf8');
  for (const words of ['LeaseElectorNoLeader', 'Fencing token', 'leaderOnly', 'forceDelete']) {
    assert.ok(index.includes(words), words);
  }
});

test('the inspection finds links to a missing page, heading or picture, and a foreign script', (t) => {
  const directory = directoryOf(t);
  mkdirSync(join(directory, 'guide'));
  writeFileSync(
    join(directory, 'index.html'),
    '<h1 id="top">x</h1><a href="/guide/one.html#here">one</a><a href="#top">',
  );
  const links = [
    '<p id="here"><a href="../index.html#top">good</a><a class="x" href="/two.html">no page</a>',
    '<a href="/index.html#nowhere">no heading</a><img alt="" src="/no.svg"><script src="https://example.com/x.js"></script>',
  ];
  writeFileSync(join(directory, 'guide/one.html'), links.join(''));
  const found = inspectSite(directory);
  assert.deepEqual(found.pages, ['guide/one.html', 'index.html']);
  assert.deepEqual(found.broken, [
    'guide/one.html: /two.html',
    'guide/one.html: /index.html#nowhere',
    'guide/one.html: /no.svg',
  ]);
  assert.deepEqual(found.foreign, ['guide/one.html: https://example.com/x.js']);
  assert.equal(found.followed, 6);
});

test('a link outside of the base is broken when the site has a base', (t) => {
  const directory = directoryOf(t);
  writeFileSync(join(directory, 'index.html'), '<a href="/base/">good</a><a href="/">bad</a>');
  assert.deepEqual(inspectSite(directory, '/base/').broken, ['index.html: /']);
});

test('a link leads to a page of the site, otherwise to a file of the repository, and throws without either', (t) => {
  const directory = directoryOf(t);
  const page = (text: string): string => sitePage(ROOT, 'docs/runbook.md', text, directory);
  const home = 'https://github.com/lease-elector/lease-elector/blob/main';
  assert.equal(page('[a](explain.md#x) [b](../README.md#probes)'), '[a](/explain.md#x) [b](/#probes)');
  assert.equal(page(`[a](${home}/docs/explain.md)`), '[a](/explain.md)');
  assert.equal(page('[a](../deploy/alerts.yaml)'), `[a](${home}/deploy/alerts.yaml)`);
  assert.equal(page('```md\n[a](none.md)\n```\n'), '```md\n[a](none.md)\n```\n');
  assert.equal(page('![a](architecture.svg)'), '![a](/images/architecture.svg)');
  assert.ok(existsSync(join(directory, 'images/architecture.svg')));
  assert.throws(() => page('[a](none.md)'), /docs\/runbook\.md has a link to none\.md, which does not exist/);
});

test('the navigation has each page once', (t) => {
  const navigation = JSON.stringify(writePages(ROOT, directoryOf(t)));
  const links = [...navigation.matchAll(/"link":"([^"]+)"/g)].map(([, link]) => link);
  assert.equal(new Set(links).size, links.length);
  const guide = report.pages.filter((page) => !page.startsWith('api/') && page !== '404.html');
  assert.deepEqual(
    links.map((link) => `${link}`.replace(/\/$/, '/index').slice(1)).sort(),
    guide.map((page) => page.slice(0, -5)),
  );
});

test('the picture of a term names every reason for its end', () => {
  const picture = readFileSync(join(ROOT, 'docs/life-of-a-term.svg'), 'utf8');
  const union = /export type DemotionReason =([\s\S]*?);/.exec(readFileSync(join(ROOT, 'src/core/effect.ts'), 'utf8'));
  const reasons = [...(union?.[1] ?? '').matchAll(/\| '([\w-]+)'/g)].map(([, reason]) => reason);
  const drawn = [...picture.matchAll(/<text class="code" x="36"[^>]*>([\w-]+)</g)].map(([, reason]) => reason);
  assert.deepEqual(drawn.sort(), reasons.sort());
});

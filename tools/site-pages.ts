/**
 * The pages of the documentation site, made from the Markdown of the repository: where each page goes, and its links.
 *
 * Each text has one source. The pages are copies that git ignores.
 */

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const REPOSITORY = 'https://github.com/lease-elector/lease-elector';

/** The links to the repository in pages that npm also shows. */
const REPOSITORY_LINK =
  /^https:\/\/(?:github\.com\/lease-elector\/lease-elector\/(?:blob|tree)|raw\.githubusercontent\.com\/lease-elector\/lease-elector)\/main\//;

/** Pages outside of docs/. */
const OTHER_PAGES: Readonly<Record<string, string>> = {
  'README.md': 'index.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security.md',
};

/** The order of the navigation. A page of docs/ that is not named here is under "More". */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Start: [
    'README.md',
    'docs/concepts.md',
    'docs/getting-started.md',
    'docs/alternatives.md',
    'docs/from-the-sidecar.md',
  ],
  Use: ['docs/installation.md', 'docs/usage.md', 'docs/configuration.md', 'docs/recipes.md', 'docs/testing.md'],
  Operate: ['docs/operations.md', 'docs/runbook.md', 'docs/faq.md', 'docs/explain.md', 'docs/performance.md'],
  'How it works': [
    'docs/correctness.md',
    'docs/design.md',
    'docs/architecture.md',
    'docs/kubernetes-behaviour.md',
    'docs/embedded-server.md',
  ],
  More: ['docs/support.md', 'CHANGELOG.md', 'SECURITY.md', 'CONTRIBUTING.md'],
};

const DECISIONS = 'docs/decisions/';

/** An entry of the navigation. */
export interface NavigationItem {
  readonly text: string;
  readonly link?: string;
  readonly collapsed?: boolean;
  readonly items?: readonly NavigationItem[];
}

/** The file of the site for a file of the repository; `null` when that file is not a page. */
export function pageOf(file: string): string | null {
  if (Object.hasOwn(OTHER_PAGES, file)) return OTHER_PAGES[file] ?? null;
  if (file === 'docs/decisions') return 'decisions/index.md';
  return file.startsWith('docs/') && file.endsWith('.md') ? file.slice('docs/'.length) : null;
}

/** Writes the pages into a directory, and returns the navigation. */
export function writePages(root: string, directory: string): readonly NavigationItem[] {
  const files = sourcePages(root);
  for (const file of files) {
    const text = sitePage(root, file, readFileSync(path.join(root, file), 'utf8'), directory);
    write(path.join(directory, pageOf(file) ?? file), text);
  }
  const decisions = files.filter((file) => file.startsWith(DECISIONS)).map((file) => itemOf(root, file));
  const list = decisions.map(({ text, link }) => `- [${text}](${link})`).join('\n');
  write(path.join(directory, 'decisions/index.md'), `# Decisions\n\nThe reasons for the design.\n\n${list}\n`);
  const named = new Set(Object.values(GROUPS).flat());
  const unnamed = files.filter((file) => !named.has(file) && !file.startsWith(DECISIONS));
  return Object.entries(GROUPS).map(([text, members]) => {
    const listed = [...members, ...(text === 'More' ? unnamed : [])].filter((file) => files.includes(file));
    const items = listed.map((file) => itemOf(root, file));
    if (text !== 'How it works') return { text, items };
    return { text, items: [...items, { text: 'Decisions', link: '/decisions/', collapsed: true, items: decisions }] };
  });
}

/** The navigation of the API reference that typedoc has written below a directory. */
export function apiNavigation(directory: string, entries: Readonly<Record<string, string>>): readonly NavigationItem[] {
  return Object.entries(entries).map(([folder, text]) => ({
    text,
    link: `/api/${folder}/`,
    items: readdirSync(path.join(directory, folder), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => ({
        text: capital(name.replaceAll('-', ' ')),
        collapsed: name !== 'classes',
        items: readdirSync(path.join(directory, folder, name))
          .sort()
          .map((file) => path.basename(file, '.md'))
          .map((page) => ({ text: page, link: `/api/${folder}/${name}/${page}` })),
      })),
  }));
}

/** The Markdown files of the repository that are pages. */
function sourcePages(root: string): readonly string[] {
  const documents = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.md'));
  return [...Object.keys(OTHER_PAGES), ...documents.sort()];
}

/** A page as the site needs it: links lead to the site where it has the page, else to the repository. */
export function sitePage(root: string, file: string, text: string, directory: string): string {
  const parts = text.split(/^(```[\s\S]*?^```)$/m);
  return parts.map((part, index) => (index % 2 === 1 ? part : withLinks(root, file, part, directory))).join('');
}

function withLinks(root: string, file: string, text: string, directory: string): string {
  return (
    text
      // Badges come from other servers, and the site works without a network.
      .replaceAll(/^\[!\[.*\n/gm, '')
      .replaceAll(
        /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g,
        (_, image: string, label: string, target: string) => {
          return `${image}[${label}](${siteLink(root, file, target, image === '' ? null : directory)})`;
        },
      )
  );
}

/** The target of a link, seen from the site. An image is copied into `directory`. */
function siteLink(root: string, file: string, target: string, directory: string | null): string {
  if (target.startsWith('#')) return target;
  const inRepository = REPOSITORY_LINK.test(target);
  if (!inRepository && /^[a-z]+:/.test(target)) return target;
  const [place = '', hash] = target.replace(REPOSITORY_LINK, '').split('#');
  const found = path.posix.join(inRepository ? '.' : path.posix.dirname(file), place).replace(/\/$/, '');
  if (!existsSync(path.join(root, found))) throw new Error(`${file} has a link to ${target}, which does not exist.`);
  const suffix = hash === undefined ? '' : `#${hash}`;
  const page = pageOf(found);
  if (page !== null) return `/${page.replace(/(^|\/)index\.md$/, '$1')}${suffix}`;
  if (directory === null) {
    const kind = statSync(path.join(root, found)).isDirectory() ? 'tree' : 'blob';
    return `${REPOSITORY}/${kind}/main/${found}${suffix}`;
  }
  const copy = path.join(directory, 'images', path.basename(found));
  mkdirSync(path.dirname(copy), { recursive: true });
  copyFileSync(path.join(root, found), copy);
  return `/images/${path.basename(found)}`;
}

function itemOf(root: string, file: string): NavigationItem {
  const heading = /^# (.*)$/m.exec(readFileSync(path.join(root, file), 'utf8'))?.[1] ?? file;
  // The part after a colon explains a title, and the navigation is narrow.
  const title = file === 'README.md' ? 'Introduction' : (heading.split(': ')[0] ?? heading);
  const link = `/${(pageOf(file) ?? file).replace(/(index)?\.md$/, '')}`;
  return { text: capital(title.replaceAll('`', '').replace(/^DESIGN$/, 'Design')), link };
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

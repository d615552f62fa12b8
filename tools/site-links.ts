/**
 * Looks for broken links in the built documentation site: to a page, to a heading of a page, to a picture. VitePress itself
 * checks pages only, and only in Markdown.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** The result of an inspection. */
export interface SiteReport {
  /** The pages, as paths within the site. */
  readonly pages: readonly string[];
  /** How many links, scripts, styles and pictures of the site itself were followed. */
  readonly followed: number;
  /** A line for each link that leads nowhere. */
  readonly broken: readonly string[];
  /** A line for each script, style or picture of another server: without a network the site would lack it. */
  readonly foreign: readonly string[];
}

interface Page {
  readonly text: string;
  readonly ids: ReadonlySet<string>;
}

/** Follows each link of each page below `directory`. `base` is the path at which the site is served. */
export function inspectSite(directory: string, base = '/'): SiteReport {
  const pages = new Map<string, Page>();
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.html')) continue;
    const text = readFileSync(path.join(directory, name), 'utf8');
    const ids = new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id = '']) => decoded(id)));
    pages.set(name.replaceAll('\\', '/'), { text, ids });
  }
  const broken: string[] = [];
  const foreign: string[] = [];
  let followed = 0;
  for (const [name, { text }] of pages) {
    for (const [, tag = '', attributes = ''] of text.matchAll(/<(a|img|script|link|source)\s([^>]*)>/g)) {
      const [, target] = /(?:^|\s)(?:href|src)="([^"]*)"/.exec(attributes) ?? [];
      if (target === undefined) continue;
      if (/^[a-z]+:|^\/\//i.test(target)) {
        if (tag !== 'a' && !target.startsWith('data:')) foreign.push(`${name}: ${target}`);
        continue;
      }
      followed += 1;
      if (!leadsSomewhere(directory, pages, base, name, decoded(target))) broken.push(`${name}: ${decoded(target)}`);
    }
  }
  return { pages: [...pages.keys()].sort(), followed, broken, foreign };
}

function leadsSomewhere(
  directory: string,
  pages: ReadonlyMap<string, Page>,
  base: string,
  from: string,
  target: string,
): boolean {
  const [place = '', hash = ''] = target.split('#');
  if (place.startsWith('/') && !place.startsWith(base)) return false;
  const relative = place.startsWith('/') ? place.slice(base.length) : path.posix.join(path.posix.dirname(from), place);
  const file = place === '' ? from : relative === '' || relative.endsWith('/') ? `${relative}index.html` : relative;
  const found = [file, `${file}.html`].find((name) => existsSync(path.join(directory, name)));
  if (found === undefined || !statSync(path.join(directory, found)).isFile()) return false;
  return hash === '' || pages.get(found)?.ids.has(hash) === true;
}

/** A value of HTML, with the characters that its entities and its percent signs stand for. */
function decoded(value: string): string {
  const text = value.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

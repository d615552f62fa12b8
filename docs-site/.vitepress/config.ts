/**
 * The documentation site. `tools/docs.ts` writes its pages and its navigation into `.pages`.
 */

import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitepress';

const { guide, api } = JSON.parse(readFileSync(new URL('../.pages/navigation.json', import.meta.url), 'utf8'));

/** As GitHub makes the anchor of a heading, so that a link works in both places. */
function slugify(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

export default defineConfig({
  title: 'lease-elector',
  description: 'In-process Kubernetes leader election for Node.js: one Pod leads until it is deleted',
  lang: 'en-US',
  base: process.env['DOCS_BASE'] ?? '/',
  srcDir: '.pages',
  lastUpdated: false,
  markdown: { anchor: { slugify }, toc: { slugify }, headers: { slugify } },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/getting-started', activeMatch: '^/(?!api/)' },
      { text: 'Why is there no leader?', link: '/faq' },
      { text: 'API', link: '/api/lease-elector/', activeMatch: '^/api/' },
    ],
    sidebar: { '/api/': api, '/': guide },
    outline: { level: [2, 3] },
    // The index is a file of the site: it needs no other server.
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: 'https://github.com/lease-elector/lease-elector' }],
  },
});

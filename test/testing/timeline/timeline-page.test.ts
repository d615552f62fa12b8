/**
 * The page and the SVG file are well-formed and load nothing, and no name can break them.
 */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { drawTimeline, drawTimelineImage, type TimelineEvent } from '../../../src/testing/index.ts';
import { escapeText } from '../../../src/testing/timeline/markup.ts';
import { PAGE_SCRIPT } from '../../../src/testing/timeline/page-script.ts';
import { anyEvents, anyText, STORY } from './sample-events.ts';

const GOLDEN = new URL('story.svg', import.meta.url);
const TITLE = 'A story';

/** The tags of a text in their order, without attributes. The contents of script and style are not markup. */
function tagsOf(text: string): readonly string[] {
  const markup = text.replaceAll(/(<(script|style)>)[\s\S]*?(<\/\2>)/g, '$1$3');
  return [...markup.matchAll(/<(\/?[a-zA-Z!][\w-]*)(?:[^>"']|"[^"]*"|'[^']*')*?(\/?)>/g)].map(
    ([, name, closed]) => `${name}${closed}`,
  );
}

const VOID: ReadonlySet<string> = new Set(['!doctype', 'meta']);

/** Asserts that the elements are nested correctly. */
function assertNested(tags: readonly string[]): void {
  const open: string[] = [];
  for (const tag of tags) {
    if (tag.endsWith('/') || VOID.has(tag)) continue;
    if (!tag.startsWith('/')) open.push(tag);
    else assert.equal(open.pop(), tag.slice(1));
  }
  assert.deepEqual(open, []);
}

/** The positions and the lengths of all elements on the time axis, in percent. */
function extentsOf(text: string): readonly (readonly [from: number, to: number])[] {
  return [...text.matchAll(/ x="([-\d.]+)%"(?: width="([-\d.]+)%")?/g)].map(([, x, width = '0']) => [
    Number(x),
    Number(x) + Number(width),
  ]);
}

/**
 * The same events with harmless texts of the same length and with the same spaces, because the labels depend on them.
 */
function harmless(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const replace = (value: unknown): unknown => {
    if (typeof value === 'string')
      return [...value].map((character) => (/\s/.test(character) ? character : 'x'.repeat(character.length))).join('');
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        ['type', 'tone', 'uid', 'leaseUid', 'lease', 'process'].includes(key) ? one : replace(one),
      ]),
    );
  };
  return events.map((event) => replace(event) as TimelineEvent);
}

test('the SVG file of the story is the golden one: REWRITE=1 writes it', () => {
  const drawn = drawTimelineImage(STORY, { title: TITLE, summary: 'Two Pods, one leader.' });
  if (process.env['REWRITE'] === '1') writeFileSync(GOLDEN, drawn);
  assert.equal(drawn, readFileSync(GOLDEN, 'utf8'));
});

describe('the page of the story', () => {
  const page = drawTimeline(STORY, { title: TITLE });
  const words = [...page.matchAll(/<g class="event"[^>]* aria-label="([^"]*)"/g)].map(([, label]) => label);
  const rows = [...page.matchAll(/<tr[^>]* data-mark="\d+"><td>(.*)<\/td><td>(.*)<\/td><td>(.*)<\/td><\/tr>/g)];

  test('has the same events in the picture and in the table', () => {
    assert.ok(rows.length > 30, page);
    assert.deepEqual(
      words,
      rows.map(([, time, who, what]) => `${time}, ${who}: ${what}`),
    );
  });

  test('names each event in words', () => {
    for (const line of [
      '0.520 s, web-a#1: is elected, fencing token 10',
      '1.500 s, web-a#1: the process crashes: SIGKILL',
      '2.610 s, web-a#2: resumes its term, fencing token 12',
      '4.200 s, Lease: is deleted by somebody',
      '4.250 s, Lease: is restored by its holder, owned by web-a (revision 14)',
      '5.100 s, web-a: the Pod is gone, deleted by force',
      '7.000 s, API server: goes down',
    ]) {
      assert.ok(words.includes(line), line);
    }
  });

  test('lets the keyboard reach one event, and the arrow keys the others', () => {
    assert.equal(page.match(/ tabindex="0" role="img"/g)?.length, 1);
    assert.equal(page.match(/ tabindex="-1" role="img"/g)?.length, words.length - 1);
    for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End'])
      assert.ok(PAGE_SCRIPT.includes(`${key}:`), key);
  });

  test('has light and dark colors, a legend, and each kind of bar', () => {
    assert.match(page, /@media \(prefers-color-scheme:dark\)/);
    for (const kind of ['leads', 'keeps', 'ghost', 'drains'])
      assert.ok(page.includes(`<g class="term ${kind}">`), kind);
    assert.match(page, /<ul class="legend"[\s\S]*ghost: leads although its Pod is gone[\s\S]*<\/ul>/);
  });

  test('names a broken promise at its top', () => {
    const broken: TimelineEvent = { atMs: 9_000, type: 'noted', tone: 'violation', text: 'two <b>leaders</b>' };
    assert.match(drawTimeline([...STORY, broken]), /<p class="bad-news">two &lt;b&gt;leaders&lt;\/b&gt;<\/p>/);
  });

  test('shows a sentence when nothing has happened', () =>
    assert.match(drawTimeline([]), /<p>Nothing has happened\.<\/p>/));
});

test('the script of the page contains no end tag, which would end it too early', () => {
  assert.doesNotMatch(PAGE_SCRIPT, /<\/|<!--/);
  assert.doesNotThrow(() => new Function(PAGE_SCRIPT));
});

describe('any events with any names', () => {
  const draw: readonly (readonly [string, typeof drawTimeline])[] = [
    ['page', drawTimeline],
    ['SVG file', drawTimelineImage],
  ];
  for (const [what, drawn] of draw) {
    test(`give a ${what} that is well-formed and has the same elements as with harmless names`, () => {
      fc.assert(
        fc.property(anyEvents(), (events) => {
          const tags = tagsOf(drawn(events));
          assertNested(tags);
          // The label of two Pods with the same name has a part of the uid in a `tspan`. Harmless names are equal more
          // often.
          const isElement = (tag: string): boolean => tag !== 'tspan' && tag !== '/tspan';
          assert.deepEqual(tags.filter(isElement), tagsOf(drawn(harmless(events))).filter(isElement));
        }),
      );
    });

    test(`give a ${what} that refers to nothing outside of itself`, () => {
      fc.assert(
        fc.property(anyEvents(), (events) => {
          const markup = drawn(events).replaceAll('xmlns="http://www.w3.org/2000/svg"', '');
          for (const [, target = ''] of markup.matchAll(/<[^>]*\s(?:href|src|xlink:href)="([^"]*)"/g))
            assert.match(target, /^#/);
          assert.doesNotMatch(markup.match(/<style>[\s\S]*?<\/style>/)?.[0] ?? '', /@import|url\((?!#)/);
        }),
      );
    });

    test(`give a ${what} with each event within its width`, () => {
      fc.assert(
        fc.property(anyEvents(), (events) => {
          for (const [from, to] of extentsOf(drawn(events))) assert.ok(from >= 0 && to <= 100, `${from} to ${to}`);
        }),
      );
    });

    test(`give the same ${what} again`, () => {
      fc.assert(fc.property(anyEvents(), (events) => assert.equal(drawn(events), drawn([...events]))));
    });
  }

  test('give a title and a summary that are escaped', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const drawn of [drawTimeline, drawTimelineImage]) {
          const page = drawn([], { title: text, summary: text });
          assertNested(tagsOf(page));
          assert.ok(page.includes(`<title>${escapeText(text)}</title>`));
        }
      }),
    );
  });
});

describe('escaped text', () => {
  test('has no character that begins or ends markup', () => {
    assert.equal(escapeText(`<a href="x" id='y'>&</a>`), '&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;&lt;/a&gt;');
  });

  test('has no character that XML forbids, and keeps all others', () => {
    assert.equal(escapeText('a\u0000\u0008\u001b\ud800b\uffff'), 'a\ufffd\ufffd\ufffd\ufffdb\ufffd');
    assert.equal(escapeText('Ærø 🚀\t\n'), 'Ærø 🚀\t\n');
  });
});

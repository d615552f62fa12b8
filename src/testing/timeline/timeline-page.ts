/**
 * A timeline as a page or as an SVG file. Each is one text without references to other files: it opens from a disk,
 * without a network.
 */

import { DEFINITIONS } from './glyphs.ts';
import { type LegendItem, legendOf, SAMPLE_HEIGHT, SAMPLE_WIDTH } from './legend.ts';
import { element, escapeText, wrap } from './markup.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { buildTimeline } from './timeline-builder.ts';
import type { TimelineEvent, TimelineOptions } from './timeline-event.ts';
import type { Timeline } from './timeline-model.ts';
import { drawPicture, NAMES_WIDTH, untitledSteps } from './timeline-picture.ts';
import { COLORS, PAGE_STYLE, PICTURE_STYLE } from './timeline-style.ts';
import { wordsOfTime } from './wording.ts';

/** The heading without the option `title`. */
const DEFAULT_TITLE = 'Timeline of an election';

/** The width of the plot, in pixels, for which labels are chosen. On a page the script chooses again. */
const PAGE_PLOT_WIDTH = 900;

/** The measures of an SVG file, in pixels. */
const FILE_WIDTH = 1_000;
const FILE_MARGIN = 18;
const FILE_HEADING = 58;
const LEGEND_LINE = 21;
const LEGEND_CHARACTER = 6.3;
const LEGEND_GAP = 16;

/** The page may run its own script and style, and load nothing. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/**
 * Draws a timeline as a page: the picture, a legend, and all events as a table. Arrow keys move through the events.
 *
 * A page shows the latest 2,000 events and 60 Pods, and the number of those that it leaves out. Each text in it is
 * escaped.
 *
 * @example
 * ```ts
 * import { drawTimeline } from 'lease-elector/testing';
 *
 * const pod = { name: 'web-0', uid: '6c2e' };
 * const page = drawTimeline([
 *   { atMs: 0, type: 'podCreated', pod },
 *   { atMs: 120, type: 'elected', pod, token: 17n, resumed: false },
 *   { atMs: 900, type: 'podGone', pod, forced: true },
 * ]);
 * console.log(page.startsWith('<!doctype html>')); // true
 * ```
 */
export function drawTimeline(events: readonly TimelineEvent[], options: TimelineOptions = {}): string {
  const timeline = buildTimeline(events, options);
  const title = escapeText(options.title ?? DEFAULT_TITLE);
  const { names, plot, height } = drawPicture(timeline, PAGE_PLOT_WIDTH, true);
  const bad = timeline.marks.filter(({ glyph }) => glyph === 'violation');
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${title}</title>`,
    `<style>${COLORS}\n${PICTURE_STYLE}\n${PAGE_STYLE}</style>`,
    '</head>',
    '<body>',
    `<h1>${title}</h1>`,
    options.summary === undefined ? '' : `<p>${escapeText(options.summary)}</p>`,
    ...bad.map(({ what }) => `<p class="bad-news">${escapeText(what)}</p>`),
    ...timeline.omissions.map((omission) => `<p class="omission">${escapeText(omission)}</p>`),
    timeline.marks.length === 0 ? '<p>Nothing has happened.</p>' : '',
    '<main>',
    '<div class="picture">',
    wrap('svg', { width: NAMES_WIDTH, height, 'aria-hidden': 'true' }, names),
    wrap(
      'svg',
      {
        class: 'plot',
        width: '100%',
        height,
        role: 'application',
        'aria-label': `${options.title ?? DEFAULT_TITLE}. Arrow keys move through the events. The table below has the same events as text.`,
      },
      `${DEFINITIONS}\n${plot}`,
    ),
    '</div>',
    drawPageLegend(timeline),
    '<h2>Events</h2>',
    '<p>Point at an event, or press <kbd>Tab</kbd> and then <kbd>←</kbd> <kbd>→</kbd> for the previous and the next, <kbd>↑</kbd> <kbd>↓</kbd> for the lane above and below, <kbd>Home</kbd> and <kbd>End</kbd>.</p>',
    drawTable(timeline),
    '</main>',
    '<div class="tip" hidden aria-hidden="true"></div>',
    `<script>${PAGE_SCRIPT}</script>`,
    '</body>',
    '</html>',
    '',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function drawPageLegend(timeline: Timeline): string {
  const items = legendOf(timeline).map(({ sample, text }) => {
    const picture = wrap('svg', { width: SAMPLE_WIDTH, height: SAMPLE_HEIGHT, 'aria-hidden': 'true' }, sample);
    return `<li>${picture}${text}</li>`;
  });
  return `<ul class="legend" aria-label="Legend">\n${items.join('\n')}\n</ul>`;
}

function drawTable({ marks, fromMs }: Timeline): string {
  const rows = marks.map(({ atMs, who, what, glyph }, index) => {
    const style = glyph === 'violation' || glyph === 'step' ? ` class="${glyph}"` : '';
    const cells = [wordsOfTime(atMs - fromMs), who, what].map((text) => `<td>${escapeText(text)}</td>`);
    return `<tr${style} data-mark="${index}">${cells.join('')}</tr>`;
  });
  return [
    '<div class="events" tabindex="0" role="region" aria-label="Events">',
    '<table>',
    '<thead><tr><th scope="col">Time</th><th scope="col">Subject</th><th scope="col">Event</th></tr></thead>',
    `<tbody>\n${rows.join('\n')}\n</tbody>`,
    '</table>',
    '</div>',
  ].join('\n');
}

/**
 * Draws a timeline as an SVG file of 1,000 pixels, for a page that shows pictures: the same picture and legend, without
 * the table.
 *
 * @example
 * ```ts
 * import { drawTimelineImage } from 'lease-elector/testing';
 *
 * const pod = { name: 'web-0', uid: '6c2e' };
 * const image = drawTimelineImage([{ atMs: 0, type: 'elected', pod, token: 17n, resumed: false }], { untilMs: 500 });
 * console.log(image.startsWith('<svg')); // true
 * ```
 */
export function drawTimelineImage(events: readonly TimelineEvent[], options: TimelineOptions = {}): string {
  const timeline = buildTimeline(events, options);
  const plotWidth = FILE_WIDTH - 2 * FILE_MARGIN - NAMES_WIDTH;
  const picture = drawPicture(timeline, plotWidth, false);
  const title = options.title ?? DEFAULT_TITLE;
  // The page has a table with all titles; the file has only its legend.
  const titles = untitledSteps(timeline, plotWidth).map(
    ({ number, title: text }): LegendItem => ({ sample: stepSample(number), text: escapeText(text) }),
  );
  const legend = drawFileLegend([...titles, ...legendOf(timeline)], FILE_HEADING + picture.height + 14);
  const height = legend.endY + 6;
  const content = [
    `<title>${escapeText(title)}</title>`,
    `<style>${COLORS}\n${PICTURE_STYLE.replaceAll('&', '&amp;')}</style>`,
    DEFINITIONS,
    element('rect', { class: 'paper', width: '100%', height: '100%', rx: 8 }),
    wrap('text', { class: 'heading', x: FILE_MARGIN, y: 26 }, escapeText(title)),
    wrap(
      'text',
      { class: 'summary', x: FILE_MARGIN, y: 45 },
      escapeText([options.summary ?? '', ...timeline.omissions].join(' ').trim()),
    ),
    wrap('svg', { x: FILE_MARGIN, y: FILE_HEADING, width: NAMES_WIDTH, height: picture.height }, picture.names),
    wrap(
      'svg',
      { x: FILE_MARGIN + NAMES_WIDTH, y: FILE_HEADING, width: plotWidth, height: picture.height },
      picture.plot,
    ),
    legend.markup,
  ];
  const size = { width: FILE_WIDTH, height, viewBox: `0 0 ${FILE_WIDTH} ${height}` };
  return `${wrap('svg', { xmlns: 'http://www.w3.org/2000/svg', ...size, role: 'img', 'aria-label': title }, content.join('\n'))}\n`;
}

/** The items of the legend in lines; each line has as many items as fit. */
function drawFileLegend(
  items: readonly LegendItem[],
  fromY: number,
): { readonly markup: string; readonly endY: number } {
  let x = FILE_MARGIN;
  let y = fromY;
  const drawn = items.map(({ sample, text }) => {
    const width = SAMPLE_WIDTH + 6 + text.length * LEGEND_CHARACTER + LEGEND_GAP;
    if (x + width > FILE_WIDTH) {
      x = FILE_MARGIN;
      y += LEGEND_LINE;
    }
    const picture = wrap('svg', { x, y, width: SAMPLE_WIDTH, height: SAMPLE_HEIGHT }, sample);
    const label = wrap('text', { class: 'quiet', x: x + SAMPLE_WIDTH + 6, y: y + 12 }, text);
    x += width;
    return picture + label;
  });
  return { markup: drawn.join('\n'), endY: y + LEGEND_LINE };
}

function stepSample(number: number): string {
  const middle = SAMPLE_WIDTH / 2;
  const disc = element('circle', { class: 'step-disc', cx: middle, cy: SAMPLE_HEIGHT / 2, r: 8 });
  return disc + wrap('text', { class: 'step-number', x: middle, y: SAMPLE_HEIGHT / 2 + 4 }, String(number));
}

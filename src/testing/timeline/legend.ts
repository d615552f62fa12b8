/**
 * The legend: a sample and its meaning for each thing that a picture shows.
 */

import { SHAPES } from './glyphs.ts';
import { element, escapeText, wrap } from './markup.ts';
import type { BarKind, Glyph, Stretch, Timeline } from './timeline-model.ts';

/** The size of a sample, in pixels. */
export const SAMPLE_WIDTH = 26;
export const SAMPLE_HEIGHT = 16;

/** A sample, as SVG without the element around it, and its meaning. */
export interface LegendItem {
  readonly sample: string;
  readonly text: string;
}

const BARS: readonly (readonly [BarKind, string])[] = [
  ['leads', 'leads, with its fencing token'],
  ['holds', 'owns the Lease'],
  ['keeps', 'keeps its term, no process leads'],
  ['ghost', 'ghost: leads although its Pod is gone'],
  ['drains', 'demoted, drains its work'],
];

const STRETCHES: readonly (readonly [Stretch['kind'], string, string])[] = [
  ['runs', 'runs', 'process runs'],
  ['hangs', 'hangs', 'process hangs'],
  ['ghost', 'ghost-run', 'process of a Pod that is gone'],
  ['cutOff', 'cut-off', 'process cut off from the API server'],
];

/** The items of a timeline, in a fixed order. */
export function legendOf({ pods, leases, outages, marks }: Timeline): readonly LegendItem[] {
  const bars = new Set(pods.flatMap((lane) => lane.bars.map(({ kind }) => kind)));
  const stretches = new Set(pods.flatMap((lane) => lane.stretches.map(({ kind }) => kind)));
  const glyphs = new Set(marks.map(({ glyph }) => glyph));
  const hangsLeading = pods.some((lane) => lane.bars.some(({ hangs }) => hangs.length > 0));
  const leaseBars = leases.flatMap((lane) => lane.bars);
  return [
    ...BARS.filter(([kind]) => bars.has(kind)).map(([kind, text]) => item(sampleBar(kind), text)),
    ...(hangsLeading ? [item(sampleBar('leads') + rect('hang', 3, 12), 'leads, and hangs')] : []),
    ...(leaseBars.some(({ renewalsMs }) => renewalsMs.length > 0)
      ? [item(renewals(), 'Lease, with its renewals')]
      : []),
    ...(leaseBars.some(({ releasedAtMs }) => releasedAtMs !== null)
      ? [item(owned(rect('bar', 2, 13) + rect('released', 2, 13)), 'Lease that is released')]
      : []),
    ...STRETCHES.filter(([kind]) => stretches.has(kind)).map(([kind, style, text]) =>
      item(kind === 'runs' ? rect(style, 6.5, 3) : rect(style, 4, 8), text),
    ),
    ...(pods.some(({ terminating }) => terminating !== null)
      ? [item(rect('pod', 1, 14) + rect('terminating', 1, 14), 'Pod that is being deleted')]
      : []),
    ...(outages.length > 0
      ? [item(rect('outage', 1, 14) + rect('outage-hatch', 1, 14), 'API server answers no request')]
      : []),
    ...Object.entries(SHAPES)
      .filter(([glyph]) => glyphs.has(glyph as Glyph))
      .map(([glyph, { legend }]) =>
        item(element('use', { href: `#glyph-${glyph}`, x: SAMPLE_WIDTH / 2, y: 8 }), legend),
      ),
  ];
}

function item(sample: string, text: string): LegendItem {
  return { sample, text: escapeText(text) };
}

function rect(style: string, y: number, height: number): string {
  return element('rect', { class: style, x: 1, y, width: SAMPLE_WIDTH - 2, height, rx: 2 });
}

function sampleBar(kind: BarKind): string {
  const hatch = kind === 'ghost' || kind === 'drains' ? rect('hatch', 2, 13) : '';
  return wrap('g', { class: 'hue-0' }, wrap('g', { class: `term ${kind}` }, rect('bar', 2, 13) + hatch));
}

function owned(content: string): string {
  return wrap('g', { class: 'hue-0 owned' }, content);
}

function renewals(): string {
  const ticks = element('path', { class: 'renewals', d: 'M6 10V15M11 10V15M16 10V15M21 10V15' });
  return owned(rect('bar', 2, 13) + ticks);
}

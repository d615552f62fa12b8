/**
 * The shapes of the marks and of the hatchings. Each shape is centered on its moment.
 */

import { element, wrap } from './markup.ts';
import type { Glyph } from './timeline-model.ts';

/** A shape, its style classes, and its meaning in the legend. */
interface Shape {
  readonly path: string;
  readonly style: string;
  readonly legend: string;
}

/** Only some marks have a shape. The others are the beginning or the end of a bar, or the number of a step. */
export const SHAPES: Readonly<Partial<Record<Glyph, Shape>>> = {
  created: { path: 'M-3.5 0H3.5M0 -3.5V3.5', style: 'plain', legend: 'Pod created' },
  terminating: { path: 'M-4.5 -3.5H4.5L0 4Z', style: '', legend: 'Pod is being deleted' },
  gone: { path: 'M-4.5 -3.5H4.5L0 4Z', style: 'solid', legend: 'Pod gone' },
  forced: { path: 'M-4.5 -3.5H4.5L0 4Z', style: 'bad solid', legend: 'Pod gone, by force' },
  finished: { path: 'M-3.5 -3.5H3.5V3.5H-3.5Z', style: 'solid', legend: 'Pod Succeeded or Failed' },
  started: { path: 'M-3 -4.2L4.2 0L-3 4.2Z', style: 'solid', legend: 'process starts' },
  ended: { path: 'M-3.5 -3.5H3.5V3.5H-3.5Z', style: '', legend: 'process ends' },
  crashed: { path: 'M-4 -4L4 4M4 -4L-4 4', style: 'bad plain heavy', legend: 'process crashes' },
  hung: { path: 'M-2.2 -4.5V4.5M2.2 -4.5V4.5', style: 'trouble plain heavy', legend: 'process hangs' },
  resumed: { path: 'M-3 -4.2L4.2 0L-3 4.2Z', style: '', legend: 'process runs again' },
  cutOff: { path: 'M1 -5.5L-3 .8H3L-1 5.5', style: 'trouble plain', legend: 'process cut off' },
  reconnected: {
    path: 'M-3.5 0A3.5 3.5 0 1 0 3.5 0A3.5 3.5 0 1 0 -3.5 0Z',
    style: '',
    legend: 'reaches the API server again',
  },
  leaseCreated: { path: 'M-4 0H4M0 -4V4', style: 'plain heavy', legend: 'Lease created' },
  leaseRestored: {
    path: 'M3.4 -2.6A4.2 4.2 0 1 0 4.2 .8M4 -5.6V-2.2H.6',
    style: 'plain',
    legend: 'Lease restored by its holder',
  },
  leaseGiven: { path: 'M-5 0H5M1.8 -3.2L5 0L1.8 3.2', style: 'plain', legend: 'Lease changes hands' },
  leaseReleased: { path: 'M0 4.5V-4.5M-3.4 -1.2L0 -4.5L3.4 -1.2', style: 'plain', legend: 'Lease released' },
  leaseDeleted: { path: 'M-4 -4L4 4M4 -4L-4 4', style: 'plain heavy', legend: 'Lease deleted' },
  outage: { path: 'M1 -5.5L-3 .8H3L-1 5.5', style: 'trouble plain heavy', legend: 'outage begins' },
  restored: { path: 'M-4 0L-1 3.4L4.4 -3.6', style: 'plain heavy', legend: 'outage ends' },
  note: { path: 'M-2.4 0A2.4 2.4 0 1 0 2.4 0A2.4 2.4 0 1 0 -2.4 0Z', style: 'note', legend: 'note' },
  trouble: { path: 'M0 -4.6L4.8 3.8H-4.8Z', style: 'trouble', legend: 'warning' },
  violation: { path: 'M0 5V-5.5L8 -2.6L0 .4', style: 'bad solid', legend: 'broken promise' },
};

/** The SVG definitions of the marks and of the hatchings. */
export const DEFINITIONS: string = wrap(
  'defs',
  {},
  [
    ...Object.entries(SHAPES).map(([glyph, { path, style }]) =>
      element('path', { id: `glyph-${glyph}`, class: `glyph ${style}`.trim(), d: path }),
    ),
    stripes('ghost', 6, 45, 'var(--paper)', 2.4),
    stripes('drains', 6, 45, 'var(--hue)', 1),
    stripes('hang', 6, 0, 'var(--paper)', 3),
    stripes('still', 4, 0, 'var(--trouble)', 2),
    stripes('ghost-run', 5, 45, 'var(--bad)', 2.2),
    stripes('cut-off', 5, 90, 'var(--trouble)', 2),
    stripes('terminating', 5, 45, 'var(--paper)', 1.6),
    stripes('released', 5, -45, 'var(--paper)', 1.6),
    stripes('outage', 7, 60, 'var(--paper)', 1.2),
  ].join(''),
);

function stripes(id: string, distance: number, degrees: number, color: string, width: number): string {
  const pattern = { id, width: distance, height: distance, patternUnits: 'userSpaceOnUse' };
  return wrap(
    'pattern',
    { ...pattern, patternTransform: `rotate(${degrees})` },
    element('rect', { width, height: distance, style: `fill:${color}` }),
  );
}

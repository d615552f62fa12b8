/**
 * Draws a timeline as SVG. Positions in time are percentages, so that a picture fits every width and its texts keep their
 * size. Heights are in pixels.
 */

import { SHAPES } from './glyphs.ts';
import { element, escapeText, wrap } from './markup.ts';
import type { Bar, LeaseBar, LeaseLane, Mark, PodLane, Span, Stretch, Timeline } from './timeline-model.ts';
import { HUES } from './timeline-style.ts';
import { leaseName, wordsOfTime } from './wording.ts';

/** The width of the column of names, in pixels. */
export const NAMES_WIDTH = 150;

/** The share of the width that is free at both ends, in percent: the first and the last mark need room. */
const FREE_BEFORE = 1;
const FREE_AFTER = 1.6;

/** Heights in pixels. */
const LANE_GAP = 4;
const LANE_PADDING = 6;
const BAR_HEIGHT = 20;
const TRACK_HEIGHT = 23;
const ROW_HEIGHT = 13;
const NO_TRACK_HEIGHT = 9;
const STEPS_HEIGHT = 48;
const LINE_HEIGHT = 13;
const AXIS_HEIGHT = 20;
const ALL_ROW_HEIGHT = 15;

/** The height in pixels from which the axis is repeated below the picture. */
const SECOND_AXIS_FROM = 560;

/** Estimated widths of a character, in pixels. A label that does not fit is not shown. */
const BAR_CHARACTER = 6.6;
const STEP_CHARACTER = 6.3;
const LONGEST_NAME = 20;
const LONGEST_NAME_TAIL = 9;
const TICK_WIDTH = 90;

/** The distance between marks of one row, in pixels, on the narrowest readable plot. */
const MARK_DISTANCE = 11;
const NARROW_PLOT_WIDTH = 590;

/**
 * The largest distance of a mark from its moment, in pixels. If more marks are close together, they cover each other.
 */
const MOST_SHIFT = 33;

const TICK_STEPS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .concat([1, 2, 5, 10, 20, 30].map((seconds) => seconds * 1_000))
  .concat([1, 2, 5, 10, 20, 30].map((minutes) => minutes * 60_000))
  .concat([1, 2, 4, 8, 24, 48, 168, 720, 8_760].map((hours) => hours * 3_600_000));

/** The place of a lane in the picture. */
interface Placed<Lane> {
  readonly lane: Lane;
  readonly y: number;
  readonly height: number;
}

/** The places of everything, from top to bottom. */
interface Layout {
  readonly timeline: Timeline;
  /** The width for which the labels are chosen, in pixels. */
  readonly width: number;
  readonly axisY: number;
  readonly allY: number;
  readonly lanesY: number;
  readonly leases: readonly Placed<LeaseLane>[];
  readonly pods: readonly Placed<PodLane>[];
  readonly lanesEndY: number;
  readonly height: number;
}

/** The two parts of a picture, without the elements around them. */
export interface Picture {
  readonly names: string;
  readonly plot: string;
  readonly height: number;
}

/**
 * Draws a timeline.
 *
 * @param width the width of the plot, in pixels, for which labels are shown or hidden; the page chooses again
 * @param interactive marks can have the focus
 */
export function drawPicture(timeline: Timeline, width: number, interactive: boolean): Picture {
  const layout = layOut(timeline, width);
  const plot = [
    drawLaneBands(layout),
    drawGrid(layout),
    ...timeline.outages.map((outage) => drawOutage(outage, layout)),
    ...layout.pods.map((placed) => drawPodLane(placed, layout)),
    ...layout.leases.map((placed) => drawLeaseLane(placed, layout)),
    drawSteps(layout),
    drawMarks(layout, interactive),
  ];
  return { names: drawNames(layout), plot: plot.join('\n'), height: layout.height };
}

function layOut(timeline: Timeline, width: number): Layout {
  const axisY = timeline.steps.length > 0 ? STEPS_HEIGHT : 0;
  const allY = axisY + AXIS_HEIGHT;
  const hasAll = timeline.marks.some(({ place, glyph }) => place.lane === 'all' && glyph !== 'step');
  const lanesY = allY + (hasAll ? ALL_ROW_HEIGHT : 0);
  let y = lanesY;
  const place = <Lane>(lane: Lane, height: number): Placed<Lane> => {
    const placed = { lane, y, height };
    y += height + LANE_GAP;
    return placed;
  };
  const leases = timeline.leases.map((lane) => place(lane, 2 * LANE_PADDING + TRACK_HEIGHT + ROW_HEIGHT));
  const pods = timeline.pods.map((lane) => place(lane, topOfRows(lane) + lane.rows * ROW_HEIGHT + LANE_PADDING));
  const lanesEndY = y - LANE_GAP;
  const height = lanesEndY + (lanesEndY > SECOND_AXIS_FROM ? AXIS_HEIGHT : 4);
  return { timeline, width, axisY, allY, lanesY, leases, pods, lanesEndY, height };
}

/** The position of the first row of processes, below the bars. */
function topOfRows({ tracks }: PodLane): number {
  return LANE_PADDING + (tracks === 0 ? NO_TRACK_HEIGHT : tracks * TRACK_HEIGHT);
}

/** A moment as a percentage of the width. */
function position(atMs: number, { fromMs, toMs }: Span): number {
  return FREE_BEFORE + ((atMs - fromMs) / (toMs - fromMs)) * (100 - FREE_BEFORE - FREE_AFTER);
}

const percent = (share: number): string => `${Math.round(share * 1000) / 1000}%`;

/** The attributes of a piece of time. */
function spanOf({ fromMs, toMs }: Span, { timeline }: Layout): { readonly x: string; readonly width: string } {
  const from = position(fromMs, timeline);
  return { x: percent(from), width: percent(position(toMs, timeline) - from) };
}

function pixelsOf({ fromMs, toMs }: Span, { timeline, width }: Layout): number {
  return ((position(toMs, timeline) - position(fromMs, timeline)) / 100) * width;
}

function hueClass(hue: number | null): string {
  return hue === null ? 'hue-none' : `hue-${hue % HUES}`;
}

function drawNames({ leases, pods }: Layout): string {
  const namesakes = Map.groupBy(pods, ({ lane }) => lane.pod.name);
  return [
    ...leases.map(({ lane, y, height }) => drawName(leaseName(lane.lease), '', y + height / 2, null)),
    ...pods.map(({ lane, y, height }) => {
      const { name, uid } = lane.pod;
      const suffix = (namesakes.get(name)?.length ?? 0) > 1 ? ` ${uid.slice(0, 4)}` : '';
      return drawName(name, suffix, y + height / 2, lane);
    }),
  ].join('\n');
}

function drawName(name: string, suffix: string, y: number, lane: PodLane | null): string {
  const room = LONGEST_NAME - suffix.length;
  const short =
    name.length <= room
      ? name
      : `${name.slice(0, room - LONGEST_NAME_TAIL - 1)}…${name.slice(name.length - LONGEST_NAME_TAIL)}`;
  const leads = lane === null || lane.hue !== null;
  const tip = lane === null ? name : `Pod ${name}, uid ${lane.pod.uid}`;
  const disc =
    lane !== null && lane.hue !== null
      ? wrap('g', { class: hueClass(lane.hue) }, element('circle', { class: 'bar', cx: 8, cy: y, r: 4.5 }))
      : '';
  const text = wrap(
    'text',
    { x: 20, y: y + 4, class: leads ? 'name' : 'quiet' },
    wrap('title', {}, escapeText(tip)) +
      escapeText(short) +
      (suffix === '' ? '' : wrap('tspan', { class: 'quiet' }, escapeText(suffix))),
  );
  return disc + text;
}

function drawLaneBands({ leases, pods }: Layout): string {
  return [...leases, ...pods]
    .map(({ y, height }) => element('rect', { class: 'lane', x: 0, y, width: '100%', height, rx: 5 }))
    .join('\n');
}

/** The distance of the ticks, chosen so that their labels do not touch. */
function tickStep(spanMs: number, width: number): number {
  const most = Math.max(2, width / TICK_WIDTH);
  return TICK_STEPS_MS.find((step) => spanMs / step <= most) ?? spanMs;
}

function drawGrid({ timeline, width, axisY, lanesY, lanesEndY, height }: Layout): string {
  const spanMs = timeline.toMs - timeline.fromMs;
  const step = tickStep(spanMs, Math.min(width, 760));
  const ticks = Array.from({ length: Math.floor(spanMs / step) + 1 }, (_, index) => index * step);
  const secondAxis = height - lanesEndY >= AXIS_HEIGHT;
  return ticks
    .flatMap((tick) => {
      const x = percent(position(timeline.fromMs + tick, timeline));
      const label = escapeText(tickLabel(tick, step));
      const text = (y: number): string =>
        wrap('text', { class: 'tick', x, y, 'text-anchor': tick === 0 ? 'start' : 'middle' }, label);
      return [
        element('line', { class: 'grid', x1: x, x2: x, y1: lanesY - 4, y2: lanesEndY }),
        text(axisY + 13),
        ...(secondAxis ? [text(lanesEndY + 15)] : []),
      ];
    })
    .join('\n');
}

function tickLabel(tickMs: number, stepMs: number): string {
  if (stepMs >= 3_600_000) return `${tickMs / 3_600_000} h`;
  if (stepMs >= 60_000) return `${tickMs / 60_000} min`;
  if (stepMs >= 1_000) return `${tickMs / 1_000} s`;
  return stepMs >= 100 ? `${(tickMs / 1_000).toFixed(1)} s` : `${tickMs} ms`;
}

function drawOutage(outage: Span, layout: Layout): string {
  const { lanesY, lanesEndY } = layout;
  const rect = { ...spanOf(outage, layout), y: lanesY, height: lanesEndY - lanesY };
  return element('rect', { class: 'outage', ...rect }) + element('rect', { class: 'outage-hatch', ...rect });
}

/** The titles of the steps, and a line where each begins. */
function drawSteps(layout: Layout): string {
  const { timeline, axisY, lanesY, lanesEndY } = layout;
  const line = (x: string, y1: number, y2: number): string => element('line', { class: 'step', x1: x, x2: x, y1, y2 });
  return timeline.steps
    .map((step, index) => {
      const { x } = spanOf(step, layout);
      // The labels of the axis stay readable.
      const lines = index === 0 ? '' : line(x, 2, axisY) + line(x, lanesY, lanesEndY);
      const texts = [1, 2, 3].map((count) => inLines(step.title, count));
      return lines + drawLabel(texts, step, STEP_LABEL, layout);
    })
    .join('\n');
}

/** The numbers and titles of the steps that are too short for their titles. */
export function untitledSteps(
  timeline: Timeline,
  width: number,
): readonly { readonly number: number; readonly title: string }[] {
  const layout = layOut(timeline, width);
  return timeline.steps.flatMap((step, index) => {
    const fits = needsOf(inLines(step.title, 3), STEP_LABEL) <= pixelsOf(step, layout);
    return fits ? [] : [{ number: index + 1, title: step.title }];
  });
}

/** Breaks a title into at most `count` lines. The longest line is as short as possible. */
function inLines(title: string, count: number): readonly string[] {
  const words = title.split(' ');
  if (count === 1 || words.length === 1) return [title];
  const longest = (lines: readonly string[]): number => Math.max(...lines.map(({ length }) => length));
  const splits = words
    .slice(1)
    .map((_, index) => [words.slice(0, index + 1).join(' '), ...inLines(words.slice(index + 1).join(' '), count - 1)]);
  return splits.toSorted((a, b) => longest(a) - longest(b))[0] ?? [title];
}

function drawPodLane({ lane, y, height }: Placed<PodLane>, layout: Layout): string {
  const band = { y, height, rx: 5 };
  const { exists, terminating } = lane;
  return wrap(
    'g',
    { class: hueClass(lane.hue) },
    [
      element('rect', { class: 'pod', ...spanOf(exists, layout), ...band }),
      terminating === null ? '' : element('rect', { class: 'terminating', ...spanOf(terminating, layout), ...band }),
      ...lane.stretches.map((stretch) => drawStretch(stretch, y + topOfRows(lane), layout)),
      ...lane.bars.map((bar) => drawBar(bar, y + LANE_PADDING + bar.track * TRACK_HEIGHT, layout)),
    ].join('\n'),
  );
}

/** A running process is a thin line. A process that hangs, is a ghost or is cut off is a thick hatched line. */
function drawStretch(stretch: Stretch, rowsY: number, layout: Layout): string {
  const middle = rowsY + stretch.row * ROW_HEIGHT + ROW_HEIGHT / 2;
  const thickness = stretch.kind === 'runs' ? 3 : 8;
  const style = { runs: 'runs', hangs: 'hangs', ghost: 'ghost-run', cutOff: 'cut-off' }[stretch.kind];
  return element('rect', { class: style, ...spanOf(stretch, layout), y: middle - thickness / 2, height: thickness });
}

function drawBar(bar: Bar, y: number, layout: Layout): string {
  const rect = { ...spanOf(bar, layout), y, height: BAR_HEIGHT, rx: 3 };
  const labels = {
    leads: tokenLabels(bar.token),
    holds: tokenLabels(bar.token),
    ghost: [['ghost']],
    drains: [['drains']],
    keeps: [['keeps its term'], ['kept']],
  }[bar.kind];
  return wrap(
    'g',
    { class: `term ${bar.kind}` },
    [
      element('rect', { class: 'bar', ...rect }),
      bar.kind === 'ghost' || bar.kind === 'drains' ? element('rect', { class: 'hatch', ...rect }) : '',
      ...bar.hangs.map((hang) =>
        element('rect', { class: 'hang', ...spanOf(hang, layout), y: y + 1, height: BAR_HEIGHT - 2 }),
      ),
      drawLabel(labels, bar, barLabel(y), layout),
    ].join(''),
  );
}

function tokenLabels(token: bigint | null): readonly (readonly string[])[] {
  return token === null ? [['token unknown']] : [[`token ${token}`], [String(token)]];
}

/** The position of a label, and the width of its characters. */
interface LabelStyle {
  readonly style: string;
  readonly x: number;
  /** The position of the first line in its box. */
  readonly baseline: number;
  readonly character: number;
  readonly y: number;
  readonly height: number;
}

const STEP_LABEL: LabelStyle = {
  style: 'step-title',
  x: 20,
  baseline: 16,
  character: STEP_CHARACTER,
  y: 0,
  height: STEPS_HEIGHT,
};

function barLabel(y: number): LabelStyle {
  return { style: 'bar-text', x: 6, baseline: 14, character: BAR_CHARACTER, y, height: BAR_HEIGHT };
}

/** The width that a label needs, in pixels. */
function needsOf(lines: readonly string[], { x, character }: LabelStyle): number {
  return Math.ceil(x + Math.max(...lines.map(({ length }) => length)) * character + 4);
}

/**
 * Draws the first text that fits. Each text is a list of lines. The page chooses again when its width changes.
 *
 * @param texts the best first
 */
function drawLabel(texts: readonly (readonly string[])[], span: Span, place: LabelStyle, layout: Layout): string {
  const { style, x, baseline, y, height } = place;
  const pixels = pixelsOf(span, layout);
  const chosen = texts.find((lines) => needsOf(lines, place) <= pixels);
  const lines = (chosen ?? texts.at(-1) ?? []).map((line, row) =>
    wrap('tspan', { x, y: baseline + row * LINE_HEIGHT }, escapeText(line)),
  );
  return wrap(
    'svg',
    {
      ...spanOf(span, layout),
      y,
      height,
      class: chosen === undefined ? 'label hidden' : 'label',
      'data-texts': JSON.stringify(texts.map((lines) => [needsOf(lines, place), ...lines])),
    },
    wrap('text', { class: style }, lines.join('')),
  );
}

function drawLeaseLane({ lane, y }: Placed<LeaseLane>, layout: Layout): string {
  return lane.bars.map((bar) => drawLeaseBar(bar, y + LANE_PADDING, layout)).join('\n');
}

function drawLeaseBar(bar: LeaseBar, y: number, layout: Layout): string {
  const rect = { ...spanOf(bar, layout), y, height: BAR_HEIGHT };
  const { releasedAtMs } = bar;
  const owner = bar.owner?.name ?? (bar.holder ? `${bar.holder} (no owner)` : 'no owner');
  const spanMs = Math.max(1, bar.toMs - bar.fromMs);
  const ticks = bar.renewalsMs.map((atMs) => `M${Math.round(((atMs - bar.fromMs) / spanMs) * 10_000) / 10} 15V20`);
  const renewals = wrap(
    'svg',
    { ...rect, viewBox: '0 0 1000 20', preserveAspectRatio: 'none' },
    element('path', { class: 'renewals', d: ticks.join('') }),
  );
  return wrap(
    'g',
    { class: `owned ${hueClass(bar.hue)}` },
    [
      element('rect', { class: 'bar', ...rect }),
      releasedAtMs === null
        ? ''
        : element('rect', {
            class: 'released',
            ...spanOf({ fromMs: releasedAtMs, toMs: bar.toMs }, layout),
            y,
            height: BAR_HEIGHT,
          }),
      ticks.length === 0 ? '' : renewals,
      drawLabel([[owner]], bar, barLabel(y), layout),
    ].join(''),
  );
}

/** Puts marks of one row that would cover each other side by side, in their order. */
function drawMarks(layout: Layout, interactive: boolean): string {
  const { timeline } = layout;
  const takenUntil = new Map<string, number>();
  const marks = timeline.marks.map((mark, index) => {
    const place = placeOf(mark, layout);
    const row = `${place.laneNumber} ${place.y}`;
    const pixels = (position(mark.atMs, timeline) / 100) * NARROW_PLOT_WIDTH;
    const wanted = Math.max(pixels, (takenUntil.get(row) ?? Number.NEGATIVE_INFINITY) + MARK_DISTANCE);
    const isFree = wanted - pixels <= MOST_SHIFT && wanted <= NARROW_PLOT_WIDTH;
    const shift = SHAPES[mark.glyph] !== undefined && isFree ? wanted - pixels : 0;
    if (SHAPES[mark.glyph] !== undefined) takenUntil.set(row, pixels + shift);
    return drawMark(mark, index, place, shift, layout, interactive);
  });
  return wrap('g', { class: 'marks' }, marks.join('\n'));
}

/** A mark, the area in which a pointer reaches it, and its words. */
function drawMark(
  mark: Mark,
  index: number,
  place: MarkArea,
  shift: number,
  layout: Layout,
  interactive: boolean,
): string {
  const { timeline } = layout;
  const { y, height, laneNumber } = place;
  const x = percent(position(mark.atMs, timeline));
  const words = `${wordsOfTime(mark.atMs - timeline.fromMs)}, ${mark.who}: ${mark.what}`;
  const isBar = mark.toMs > mark.atMs;
  const hit = isBar
    ? element('rect', { class: 'hit', ...spanOf({ fromMs: mark.atMs, toMs: mark.toMs }, layout), y, height, rx: 3 })
    : element('rect', {
        class: 'hit',
        x,
        y,
        width: 14,
        height,
        rx: 3,
        transform: `translate(${Math.round(shift - 7)})`,
      });
  const focus = interactive
    ? { tabindex: index === 0 ? 0 : -1, role: 'img', 'aria-label': words, 'data-lane': laneNumber }
    : {};
  return wrap(
    'g',
    { class: 'event', ...(interactive ? { id: `mark-${index}` } : {}), ...focus },
    wrap('title', {}, escapeText(words)) + drawGlyph(mark, x, place, shift, layout) + hit,
  );
}

function drawGlyph(mark: Mark, x: string, { y, height, middle }: MarkArea, shift: number, layout: Layout): string {
  const { glyph, atMs } = mark;
  const transform = shift === 0 ? undefined : `translate(${Math.round(shift)})`;
  if (glyph === 'step') {
    const number = layout.timeline.steps.findIndex(({ fromMs, title }) => fromMs === atMs && title === mark.what) + 1;
    return (
      element('circle', { class: 'step-disc', cx: x, cy: middle, r: 8, transform: 'translate(9)' }) +
      wrap('text', { class: 'step-number', x, y: middle + 4, transform: 'translate(9)' }, String(number))
    );
  }
  if (glyph === 'demoted' || glyph === 'drained') {
    return element('line', { class: 'end', x1: x, x2: x, y1: y - 1, y2: y + height + 1 });
  }
  if (SHAPES[glyph] === undefined) return '';
  const shape = element('use', { href: `#glyph-${glyph}`, x, y: middle, transform });
  if (glyph === 'violation') {
    return element('line', { class: 'end bad', x1: x, x2: x, y1: layout.lanesY, y2: layout.lanesEndY }) + shape;
  }
  const isEnd = glyph === 'gone' || glyph === 'forced';
  if (!isEnd) return shape;
  const lane = laneOf(mark, layout);
  const style = glyph === 'forced' ? 'end bad' : 'end';
  return element('line', { class: style, x1: x, x2: x, y1: lane.y, y2: lane.y + lane.height }) + shape;
}

function laneOf({ place }: Mark, { leases, pods, axisY }: Layout): Placed<unknown> {
  const found =
    place.lane === 'pod'
      ? pods.find(({ lane }) => lane.pod.uid === place.uid)
      : leases.find(({ lane }) => place.lane === 'lease' && lane.lease === place.lease);
  return found ?? { lane: null, y: axisY, height: AXIS_HEIGHT };
}

/** The area of a mark, and the number of its lane from top to bottom; 0 is above all lanes. */
interface MarkArea {
  readonly y: number;
  readonly height: number;
  readonly middle: number;
  readonly laneNumber: number;
}

function placeOf(mark: Mark, layout: Layout): MarkArea {
  const { place, glyph } = mark;
  const area = (y: number, height: number, laneNumber: number): MarkArea => ({
    y,
    height,
    middle: y + height / 2,
    laneNumber,
  });
  if (place.lane === 'all') {
    return glyph === 'step' ? area(6, 20, 0) : area(layout.allY, ALL_ROW_HEIGHT - 1, 0);
  }
  const laneY = laneOf(mark, layout).y;
  if (place.lane === 'lease') {
    const index = layout.leases.findIndex(({ lane }) => lane.lease === place.lease);
    return area(laneY + LANE_PADDING + TRACK_HEIGHT, ROW_HEIGHT, 1 + index);
  }
  const index = layout.pods.findIndex(({ lane }) => lane.pod.uid === place.uid);
  const pod = layout.pods[index]?.lane;
  const laneNumber = 1 + layout.leases.length + index;
  if (glyph === 'elected' || glyph === 'demoted' || glyph === 'drained') {
    return area(laneY + LANE_PADDING + place.track * TRACK_HEIGHT, BAR_HEIGHT, laneNumber);
  }
  // Events of the Pod object are at the upper edge, and events of a process are in the row of the process.
  if (['created', 'terminating', 'gone', 'forced', 'finished'].includes(glyph)) return area(laneY - 1, 12, laneNumber);
  const rows = pod === undefined ? 0 : topOfRows(pod);
  return area(laneY + rows + place.row * ROW_HEIGHT, ROW_HEIGHT, laneNumber);
}

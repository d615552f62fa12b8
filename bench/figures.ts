/**
 * Draws the figures of `docs/performance.md` from the measurements of one run. Each is an SVG file that follows the
 * light or dark preference of its reader, with machine and commit in its caption.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Measurements } from './benchmark.ts';

/** A chart of Vega-Lite. */
type Chart = Readonly<Record<string, unknown>>;

/** The part of `vega` and `vega-lite` that is used. Their own declarations need those of a browser. */
interface Vega {
  parse(spec: unknown): unknown;
  readonly View: new (
    runtime: unknown,
    options: { readonly renderer: 'none' },
  ) => { toSVG(): Promise<string>; finalize(): void };
}

interface VegaLite {
  compile(chart: Chart): { readonly spec: unknown };
}

const LIBRARIES = { vega: 'vega', vegaLite: 'vega-lite' };
const { parse, View } = (await import(LIBRARIES.vega)) as Vega;
const { compile } = (await import(LIBRARIES.vegaLite)) as VegaLite;

/** The colours are those of the other pictures of the documents. */
const STYLE = `<style>
:root{--ink:#1f2328;--faint:#d1d9e0;--soft:#57606a;--one:#0969da;--two:#bc4c00;--three:#1a7f37;--four:#8250df;--five:#8c959f}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--faint:#30363d;--soft:#8b949e;--one:#58a6ff;--two:#f0883e;--three:#3fb950;--four:#bc8cff;--five:#6e7681}}
</style>`;

const COLOURS = ['var(--one)', 'var(--two)', 'var(--three)', 'var(--four)', 'var(--five)'];

const WIDTH = 560;

/** A record of a chart. */
type Datum = Readonly<Record<string, string | number>>;

/** Writes the figures whose benchmarks were measured, and returns their files. */
export async function drawFigures(measurements: Measurements, directory: string): Promise<readonly string[]> {
  const { results } = measurements;
  const charts: readonly (readonly [string, Chart | null])[] = [
    ['bench-failover.svg', results['failover'] === undefined ? null : failoverChart(results['failover'].raw)],
    ['bench-start-up.svg', results['start-up'] === undefined ? null : startUpChart(results['start-up'].raw)],
    ['bench-memory.svg', results['idle'] === undefined ? null : memoryChart(results['idle'].raw)],
    ['bench-crowd.svg', results['crowd'] === undefined ? null : crowdChart(results['crowd'].raw)],
  ];
  mkdirSync(directory, { recursive: true });
  const written: string[] = [];
  for (const [name, chart] of charts) {
    if (chart === null) continue;
    const file = path.join(directory, name);
    writeFileSync(file, await draw(chart, measurements));
    written.push(file);
  }
  return written;
}

async function draw(chart: Chart, { machine, commit, date, cluster, load }: Measurements): Promise<string> {
  const view = new View(parse(compile(withStyle(chart)).spec), { renderer: 'none' });
  const svg = await view.toSVG();
  view.finalize();
  const size = /viewBox="0 0 (\d+) (\d+)"/.exec(svg);
  if (size === null) throw new Error('the picture has no size');
  const [, width = '', height = ''] = size;
  const caption = [`${machine}, load ${load}`, `${cluster}; commit ${commit}, ${date.slice(0, 10)}`];
  const lines = caption.map(
    (line, index) =>
      `<text x="8" y="${Number(height) + 14 + index * 15}" font-size="11" font-family="system-ui, sans-serif" fill="var(--soft)">${line}</text>`,
  );
  const taller = Number(height) + 14 + caption.length * 15;
  return `${svg
    .replace(/ width="\d+" height="\d+" viewBox="[^"]*"/, ` viewBox="0 0 ${width} ${taller}"`)
    .replace('>', ` role="img">${STYLE}`)
    .replace(/<\/svg>$/, `${lines.join('')}</svg>`)}\n`;
}

function withStyle(chart: Chart): Chart {
  const label = { labelColor: 'var(--ink)', titleColor: 'var(--soft)', titleFontWeight: 'normal' as const };
  return {
    ...chart,
    background: 'transparent',
    padding: 8,
    config: {
      font: 'system-ui, sans-serif',
      axis: { ...label, gridColor: 'var(--faint)', domainColor: 'var(--soft)', tickColor: 'var(--soft)' },
      legend: { ...label, orient: 'bottom', direction: 'vertical', labelLimit: 400, symbolStrokeWidth: 3 },
      title: { color: 'var(--ink)', anchor: 'start', fontSize: 14 },
      header: { labelColor: 'var(--ink)', titleColor: 'var(--soft)' },
      view: { stroke: null },
    },
  };
}

/** The colours in the order of the names. */
function colours(names: readonly string[]) {
  return { domain: [...names], range: COLOURS.slice(0, names.length) };
}

const FAILOVER_NAMES: Readonly<Record<string, string>> = {
  'lease-elector': 'lease-elector',
  collector: 'bare script that waits for the collector',
  one: 'bare script, DELETE and POST',
  two: 'bare script, second warm connection',
  http2: 'bare script, HTTP/2',
};

function failoverChart(raw: unknown): Chart {
  const failovers = raw as readonly { readonly situation: string; readonly kind: string; readonly tookMs: number }[];
  const groups = Map.groupBy(failovers, ({ situation, kind }) => `${situation}|${kind}`);
  const values = [...groups.values()].flatMap((group): Datum[] =>
    [...group]
      .sort((left, right) => left.tookMs - right.tookMs)
      .map(({ situation, kind, tookMs }, index) => ({
        situation,
        candidate: FAILOVER_NAMES[kind] ?? kind,
        ms: tookMs,
        share: ((index + 1) / group.length) * 100,
      })),
  );
  const situations = [...new Set(values.map(({ situation }) => String(situation)))];
  const present = Object.values(FAILOVER_NAMES).filter((name) => values.some(({ candidate }) => candidate === name));
  return {
    title: 'Failover: rounds that have a new leader after this time',
    data: { values },
    facet: { row: { field: 'situation', type: 'nominal', title: null, sort: situations } },
    spec: {
      width: WIDTH,
      height: 130,
      mark: { type: 'line', interpolate: 'step-after', strokeWidth: 2, clip: true },
      encoding: {
        x: { field: 'ms', type: 'quantitative', title: 'milliseconds', scale: { type: 'log', nice: false } },
        y: { field: 'share', type: 'quantitative', title: 'rounds, %', scale: { domain: [0, 100] } },
        color: { field: 'candidate', type: 'nominal', title: null, scale: colours(present) },
      },
    },
  };
}

function startUpChart(raw: unknown): Chart {
  const runs = raw as readonly Readonly<Record<string, number>>[];
  const kinds = Object.keys(runs[0] ?? {});
  const values = kinds.flatMap((kind) => runs.map((run): Datum => ({ process: kind, ms: run[kind] ?? 0 })));
  return {
    title: 'From the start of a process to elected: the median, and the middle half of the runs',
    data: { values },
    width: WIDTH - 190,
    height: { step: 26 },
    transform: [
      {
        aggregate: [
          { op: 'median', field: 'ms', as: 'middle' },
          { op: 'q1', field: 'ms', as: 'low' },
          { op: 'q3', field: 'ms', as: 'high' },
        ],
        groupby: ['process'],
      },
    ],
    layer: [
      {
        mark: { type: 'bar', color: 'var(--one)', opacity: 0.45, height: 14 },
        encoding: {
          x: { field: 'low', type: 'quantitative', title: 'milliseconds', scale: { zero: true } },
          x2: { field: 'high' },
        },
      },
      {
        mark: { type: 'tick', color: 'var(--ink)', thickness: 2, size: 18 },
        encoding: { x: { field: 'middle', type: 'quantitative' } },
      },
    ],
    encoding: { y: { field: 'process', type: 'nominal', title: null, sort: kinds, axis: { labelLimit: 260 } } },
  };
}

function memoryChart(raw: unknown): Chart {
  const runs = raw as readonly Readonly<Record<string, Readonly<Record<string, number>>>>[];
  const kinds = Object.keys(runs[0] ?? {});
  const middle = (kind: string, field: string): number => {
    const sorted = runs.map((run) => run[kind]?.[field] ?? 0).sort((left, right) => left - right);
    return sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
  };
  const values = kinds.flatMap((kind): Datum[] => {
    const anonymous = middle(kind, 'anonymous');
    return [
      { process: kind, part: 'private', mib: anonymous, order: 0 },
      { process: kind, part: 'shared with other processes of Node.js', mib: middle(kind, 'rss') - anonymous, order: 1 },
    ];
  });
  return {
    title: 'Resident memory while nothing happens',
    data: { values },
    width: WIDTH - 190,
    height: { step: 24 },
    mark: { type: 'bar', height: 14 },
    encoding: {
      x: { field: 'mib', type: 'quantitative', title: 'MiB', stack: 'zero' },
      y: { field: 'process', type: 'nominal', title: null, sort: kinds, axis: { labelLimit: 260 } },
      color: {
        field: 'part',
        type: 'nominal',
        title: null,
        scale: { domain: ['private', 'shared with other processes of Node.js'], range: ['var(--one)', 'var(--five)'] },
      },
      order: { field: 'order', type: 'quantitative' },
    },
  };
}

function crowdChart(raw: unknown): Chart {
  const crowds = raw as readonly {
    readonly candidates: number;
    readonly rounds: readonly { readonly tookMs: number; readonly writes: number; readonly others: number }[];
    readonly serverMib: number;
    readonly emptyServerMib: number;
    readonly herdASecond: number;
  }[];
  const average = (numbers: readonly number[]): number =>
    numbers.reduce((sum, value) => sum + value, 0) / Math.max(1, numbers.length);
  const values = crowds.flatMap(({ candidates, rounds, serverMib, emptyServerMib, herdASecond }): Datum[] => [
    { candidates, what: 'writes of the Lease in a failover', value: average(rounds.map(({ writes }) => writes)) },
    { candidates, what: 'other requests in a failover', value: average(rounds.map(({ others }) => others)) },
    { candidates, what: 'failover, milliseconds', value: average(rounds.map(({ tookMs }) => tookMs)) },
    { candidates, what: 'requests in the busiest second after an outage', value: herdASecond },
    { candidates, what: 'memory of the server, MiB', value: serverMib - emptyServerMib },
  ]);
  const names = [...new Set(values.map(({ what }) => String(what)))];
  return {
    title: 'Candidates of one Lease: what their number costs',
    data: { values },
    width: WIDTH,
    height: 260,
    mark: { type: 'line', point: { size: 40 }, strokeWidth: 2 },
    encoding: {
      x: { field: 'candidates', type: 'quantitative', title: 'candidates', scale: { type: 'log' } },
      y: { field: 'value', type: 'quantitative', title: null, scale: { type: 'log' } },
      color: { field: 'what', type: 'nominal', title: null, scale: colours(names) },
    },
  };
}

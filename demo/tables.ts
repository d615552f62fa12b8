/**
 * The tables of the demo, as lines of text: Pods, Lease, steps, log. Pure; display.ts writes them.
 */

import { styleText } from 'node:util';
import { cut, tableLines } from '../src/command/table.ts';
import { STEPS, type Step } from './script.ts';
import { type PodRow, type StepEvent, type Style, seconds, type ViewModel, type Words } from './view-model.ts';

/** An event in words, and its time. */
export type Remark = readonly [atMs: number, ...words: Words];

/** A row of a table, and its style. */
type Row = readonly [style: Style, ...cells: readonly string[]];

/** The moment that is drawn, and the space for it. */
export interface Frame {
  readonly title: string;
  readonly nowMs: number;
  readonly waitsFor: string;
  readonly width: number;
  readonly height: number;
}

/** The widest title of a step. */
const TITLE_WIDTH = Math.max(...STEPS.map(({ title }) => title.length)) + ' ✓ 1 '.length;
// Padded to the usual width of their columns, so that a column does not move when a cell changes.
const POD_HEADS = [' POD'.padEnd(10), 'PROCESS'.padEnd(15), 'ROLE'.padEnd(27), 'TOKEN', 'TICKS'];
const STEP_HEADS = ['   STEP'.padEnd(TITLE_WIDTH), 'TIME'.padStart(7), 'EXPECTED', 'HAPPENED'];

/** The picture of a running demo, lower than `height` lines. The log gets the lines that are left. */
export function livePicture(view: ViewModel, remarks: readonly Remark[], frame: Frame): readonly string[] {
  const { width, height, waitsFor } = frame;
  const above = [...stateTables(view, frame), '', styleText('yellow', cut(` waiting: ${waitsFor}`, width)), ''];
  const log = remarks.slice(-Math.max(1, height - 1 - above.length));
  return [...above, ...log.map((remark) => remarkLine(remark, width))].slice(0, height - 1);
}

/** The state of everything: title, Pods, Lease, steps. */
export function stateTables(view: ViewModel, { title, nowMs, width }: Frame): readonly string[] {
  const time = clock(nowMs).padStart(8);
  const steps = STEPS.map((step, index) => stepRow(step, index, view.stepEvents.get(step.id), nowMs));
  return [
    styleText('bold', cut(` lease-elector demo  ${title}`, width - 9).padEnd(width - 9) + time),
    '',
    ...styledTable(POD_HEADS, [...view.pods.values()].map(podRow), width),
    cut(` Lease: ${leaseWords(view, nowMs)}`, width),
    '',
    ...styledTable(STEP_HEADS, steps, width),
  ];
}

/** One line of the log. */
export function remarkLine([atMs, who, text, style]: Remark, width: number): string {
  const head = `${(atMs / 1000).toFixed(3).padStart(8)}  ${who.padEnd(11)}`;
  return styleText('dim', head) + styleText(style, cut(text, width - head.length));
}

function styledTable(heads: readonly string[], rows: readonly Row[], width: number): readonly string[] {
  const cells = rows.map(([, ...row]) => row);
  return tableLines(heads, cells, width).map((line, index) => styleText(rows[index - 1]?.[0] ?? 'dim', line));
}

function clock(atMs: number): string {
  return `${(Math.max(0, atMs) / 1000).toFixed(1)} s`;
}

function podRow(row: PodRow): Row {
  const { pod, pid, state, token, ticks } = row;
  const [style, role] = roleOf(row);
  const process = state === 'ended' ? 'ended' : `${state} ${pid}`;
  return [style, ` ${pod.name}`, process, role, String(token ?? '').padStart(5), String(ticks || '').padStart(5)];
}

function roleOf({ gone, state, token, drainsSinceMs, sees }: PodRow): readonly [Style, string] {
  if (state === 'ended') return ['dim', gone ? '  Pod is gone' : '  container is down'];
  if (state === 'starting') return ['reset', ''];
  if (token !== null) return state === 'suspended' ? ['red', '● leads, but hangs'] : ['green', '● leads'];
  if (drainsSinceMs !== null) return ['yellow', `◌ ${gone ? 'ghost' : 'demoted'}, drains its job`];
  return ['reset', `${gone ? '◌ ghost,' : '○'} sees ${sees ?? 'no leader'}`];
}

function leaseWords({ lease }: ViewModel, nowMs: number): string {
  if (lease === null) return 'does not exist';
  const { holder, released, atMs, revision } = lease;
  const held = released ? `released by ${holder}` : `held by ${holder}, renewed ${clock(nowMs - atMs)} ago`;
  return `${held}, revision ${revision}`;
}

function stepRow({ title, expected }: Step, index: number, event: StepEvent | undefined, nowMs: number): Row {
  const row = (style: Style, mark: string, time: string, outcome: string): Row => [
    style,
    ` ${mark} ${index + 1} ${title}`,
    time.padStart(7),
    expected,
    outcome,
  ];
  if (event === undefined) return row('dim', ' ', '', '');
  if (event.type === 'stepBegan') return row('yellow', '▸', clock(nowMs - event.atMs), '');
  const { tookMs, outcome } = event;
  return tookMs === null ? row('red', '✗', '', outcome) : row('green', '✓', seconds(tookMs), outcome);
}

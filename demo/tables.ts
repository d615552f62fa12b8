/**
 * The tables of the demo, as lines of text: Pods, Lease, steps, log. Pure; display.ts writes them.
 */

import { type Cell, row, type Style, seconds } from './styled-row.ts';
import type { PodRow, StepRow, ViewModel, Words } from './view-model.ts';

/** An event in words, and its time. */
export interface Remark {
  readonly atMs: number;
  readonly words: Words;
}

/** The moment that is drawn, and the space for it. */
export interface Frame {
  readonly title: string;
  readonly nowMs: number;
  readonly waitsFor: string | null;
  readonly width: number;
}

const POD_HEAD = ' POD        PROCESS            ROLE                              TOKEN  TICKS';
const STEP_HEAD = '   STEP                       TIME  EXPECTED                HAPPENED';
const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';
const SPIN_MS = 100;

/** The picture of a running demo, at most `height` lines high. The log gets the lines that are left. */
export function livePicture(
  view: ViewModel,
  remarks: readonly Remark[],
  frame: Frame,
  height: number,
): readonly string[] {
  const { nowMs, waitsFor, width } = frame;
  const spinner = SPINNER[Math.floor(nowMs / SPIN_MS) % SPINNER.length];
  const waiting = row([[waitsFor === null ? '' : ` ${spinner} waiting: ${waitsFor}`, width, 'busy']], width);
  const above = [...stateTables(view, frame), waiting, ''];
  const log = remarks.slice(-Math.max(1, height - above.length)).map((remark) => remarkLine(remark, width));
  return [...above, ...log].slice(0, height);
}

/** The state of everything: title, Pods, Lease, steps. */
export function stateTables(view: ViewModel, { title, nowMs, width }: Frame): readonly string[] {
  const lines: readonly (readonly Cell[])[] = [
    [
      [' lease-elector demo  ', 21, 'strong'],
      [title, width - 30, 'faint'],
      [clock(nowMs), 8, 'strong', 'right'],
    ],
    [],
    [[POD_HEAD, width, 'faint']],
    ...view.pods.map(podCells),
    leaseCells(view, nowMs),
    [],
    [[STEP_HEAD, width, 'faint']],
    ...view.steps.map((step, index) => stepCells(step, index, nowMs)),
  ];
  return lines.map((cells) => row(cells, width));
}

/** One line of the log. */
export function remarkLine({ atMs, words: [who, text, style] }: Remark, width: number): string {
  return row(
    [
      [(atMs / 1000).toFixed(3), 8, 'faint', 'right'],
      ['', 2],
      [who, 11, 'faint'],
      [text, text.length, style],
    ],
    width,
  );
}

function clock(atMs: number): string {
  return `${(Math.max(0, atMs) / 1000).toFixed(1)} s`;
}

function podCells(pod: PodRow): readonly Cell[] {
  const { name, pid, state, token, ticks } = pod;
  return [
    [` ${name}`, 12, token === null ? 'plain' : 'good'],
    [state === 'ended' ? 'ended' : `${state} ${pid}`, 19, state === 'suspended' ? 'bad' : 'plain'],
    [...roleOf(pod)],
    [String(token ?? ''), 10, 'good', 'right'],
    [String(ticks || ''), 7, 'plain', 'right'],
  ];
}

function roleOf({ gone, state, token, drainsSinceMs, sees, reportsStale }: PodRow): readonly [string, 29, Style] {
  if (state === 'ended') return [gone ? '  Pod is gone' : '  container is down', 29, 'faint'];
  if (state === 'starting') return ['', 29, 'plain'];
  if (token !== null) return [state === 'suspended' ? '● leads, but hangs' : '● leads', 29, 'good'];
  if (drainsSinceMs !== null) return [`◌ ${gone ? 'ghost' : 'demoted'}, drains its job`, 29, 'busy'];
  if (gone) return ['◌ ghost, does nothing', 29, 'busy'];
  return [sees === null ? '○ sees no leader' : `○ sees ${sees}${reportsStale ? ' (stale)' : ''}`, 29, 'plain'];
}

function leaseCells({ lease }: ViewModel, nowMs: number): readonly Cell[] {
  const name: Cell = [' Lease', 12, 'faint'];
  if (lease === null) return [name, ['does not exist', 60, 'busy']];
  const { holder, released, atMs, revision } = lease;
  const held = released ? `released by ${holder}` : `held by ${holder}, renewed ${clock(nowMs - atMs)} ago`;
  return [name, [`${held}, revision ${revision}`, 68]];
}

function stepCells(
  { title, expected, state, outcome, tookMs, beganMs }: StepRow,
  index: number,
  nowMs: number,
): readonly Cell[] {
  const look = {
    'to come': [' ', 'faint'],
    running: ['▸', 'busy'],
    done: ['✓', 'good'],
    failed: ['✗', 'bad'],
  } as const;
  const [mark, style] = look[state];
  const took = tookMs === null ? '' : seconds(tookMs);
  return [
    [` ${mark} `, 3, style],
    [`${index + 1} ${title}`, 24, state === 'to come' ? 'faint' : 'plain'],
    [state === 'running' ? clock(nowMs - beganMs) : took, 7, 'strong', 'right'],
    [`  ${expected}`, 26, 'faint'],
    [outcome, outcome.length, state === 'failed' ? 'bad' : 'plain'],
  ];
}

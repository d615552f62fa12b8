/**
 * The tables of the demo, as lines of text: Pods, Lease, steps, log. Pure; display.ts writes them.
 */

import type { Step } from './script.ts';
import { type Cell, row, type Style, seconds } from './styled-row.ts';
import type { PodRow, StepEvent, ViewModel, Words } from './view-model.ts';

/** An event in words, and its time. */
export interface Remark {
  readonly atMs: number;
  readonly words: Words;
}

/** The moment that is drawn, and the space for it. */
export interface Frame {
  readonly title: string;
  readonly nowMs: number;
  readonly width: number;
}

const POD_HEAD = ' POD        PROCESS            ROLE                              TOKEN  TICKS';
const STEP_HEAD = '   STEP                       TIME  EXPECTED                HAPPENED';

/** The picture of a running demo, lower than `height` lines. The log gets the lines that are left. */
export function livePicture(
  view: ViewModel,
  remarks: readonly Remark[],
  waitsFor: string,
  frame: Frame,
  height: number,
): readonly string[] {
  const { width } = frame;
  const above = [...stateTables(view, frame), '', row([[` waiting: ${waitsFor}`, width, 'busy']], width), ''];
  const log = remarks.slice(-Math.max(1, height - 1 - above.length));
  return [...above, ...log.map((remark) => remarkLine(remark, width))].slice(0, height - 1);
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
    ...view.steps.map((step, index) => stepCells(step, index, view.stepEvents.get(step.id), nowMs)),
  ];
  return lines.map((cells) => row(cells, width));
}

/** One line of the log. */
export function remarkLine({ atMs, words: [who, text, style] }: Remark, width: number): string {
  const time: Cell = [(atMs / 1000).toFixed(3), 8, 'faint', 'right'];
  return row([time, [`  ${who}`, 13, 'faint'], [text, text.length, style]], width);
}

function clock(atMs: number): string {
  return `${(Math.max(0, atMs) / 1000).toFixed(1)} s`;
}

function podCells(pod: PodRow): readonly Cell[] {
  const { name, pid, state, token, ticks } = pod;
  const [role, style] = roleOf(pod);
  return [
    [` ${name}`, 12, token === null ? 'plain' : 'good'],
    [state === 'ended' ? 'ended' : `${state} ${pid}`, 19, state === 'suspended' ? 'bad' : 'plain'],
    [role, 29, style],
    [String(token ?? ''), 10, 'good', 'right'],
    [String(ticks || ''), 7, 'plain', 'right'],
  ];
}

function roleOf({ gone, state, token, drainsSinceMs, sees }: PodRow): readonly [string, Style] {
  if (state === 'ended') return [gone ? '  Pod is gone' : '  container is down', 'faint'];
  if (state === 'starting') return ['', 'plain'];
  if (token !== null) return [state === 'suspended' ? '● leads, but hangs' : '● leads', 'good'];
  if (drainsSinceMs !== null) return [`◌ ${gone ? 'ghost' : 'demoted'}, drains its job`, 'busy'];
  return [`${gone ? '◌ ghost,' : '○'} sees ${sees ?? 'no leader'}`, 'plain'];
}

function leaseCells({ lease }: ViewModel, nowMs: number): readonly Cell[] {
  const name: Cell = [' Lease', 12, 'faint'];
  if (lease === null) return [name, ['does not exist', 60, 'busy']];
  const { holder, released, atMs, revision } = lease;
  const held = released ? `released by ${holder}` : `held by ${holder}, renewed ${clock(nowMs - atMs)} ago`;
  return [name, [`${held}, revision ${revision}`, 68]];
}

function stepCells(
  { title, expected }: Step,
  index: number,
  event: StepEvent | undefined,
  nowMs: number,
): readonly Cell[] {
  const [mark, style, time, outcome] = progressOf(event, nowMs);
  return [
    [` ${mark} `, 3, style],
    [`${index + 1} ${title}`, 24, event === undefined ? 'faint' : 'plain'],
    [time, 7, 'strong', 'right'],
    [`  ${expected}`, 26, 'faint'],
    [outcome, outcome.length, style === 'bad' ? 'bad' : 'plain'],
  ];
}

function progressOf(event: StepEvent | undefined, nowMs: number): readonly [string, Style, string, string] {
  if (event === undefined) return [' ', 'faint', '', ''];
  if (event.type === 'stepBegan') return ['▸', 'busy', clock(nowMs - event.atMs), ''];
  return event.type === 'stepDone'
    ? ['✓', 'good', seconds(event.tookMs), event.outcome]
    : ['✗', 'bad', '', event.outcome];
}

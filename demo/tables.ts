/**
 * The tables of the demo, as lines of text: Pods, Lease, steps, log. Pure; display.ts writes them.
 */

import { styleText } from 'node:util';
import { STEPS, type Step } from './script.ts';
import { type PodRow, type StepEvent, type Style, seconds, type ViewModel, type Words } from './view-model.ts';

/** An event in words, and its time. */
export type Remark = readonly [atMs: number, ...words: Words];

/** A piece of text in a column of `width` characters. */
export type Cell = readonly [text: string, width: number, style?: Style, align?: 'right'];

/** The moment that is drawn, and the space for it. */
export interface Frame {
  readonly title: string;
  readonly nowMs: number;
  readonly waitsFor: string;
  readonly width: number;
  readonly height: number;
}

const POD_HEAD = ' POD        PROCESS            ROLE                              TOKEN  TICKS';
const STEP_HEAD = '   STEP                       TIME  EXPECTED                HAPPENED';

/** The picture of a running demo, lower than `height` lines. The log gets the lines that are left. */
export function livePicture(view: ViewModel, remarks: readonly Remark[], frame: Frame): readonly string[] {
  const { width, height, waitsFor } = frame;
  const above = [...stateTables(view, frame), '', row([[` waiting: ${waitsFor}`, width, 'yellow']], width), ''];
  const log = remarks.slice(-Math.max(1, height - 1 - above.length));
  return [...above, ...log.map((remark) => remarkLine(remark, width))].slice(0, height - 1);
}

/** The state of everything: title, Pods, Lease, steps. */
export function stateTables(view: ViewModel, { title, nowMs, width }: Frame): readonly string[] {
  const lines: readonly (readonly Cell[])[] = [
    [
      [` lease-elector demo  ${title}`, width - 9, 'bold'],
      [clock(nowMs), 8, 'bold', 'right'],
    ],
    [],
    [[POD_HEAD, width, 'dim']],
    ...view.pods.map(podCells),
    leaseCells(view, nowMs),
    [],
    [[STEP_HEAD, width, 'dim']],
    ...STEPS.map((step, index) => stepCells(step, index, view.stepEvents.get(step.id), nowMs)),
  ];
  return lines.map((cells) => row(cells, width));
}

/** One line of the log. */
export function remarkLine([atMs, who, text, style]: Remark, width: number): string {
  const time: Cell = [(atMs / 1000).toFixed(3), 8, 'dim', 'right'];
  return row([time, [`  ${who}`, 13, 'dim'], [text, text.length, style]], width);
}

/** Cells side by side, together at most `width` characters wide. A text that is too long ends with an ellipsis. */
export function row(cells: readonly Cell[], width: number): string {
  let left = width;
  const texts = cells.map(([text, wanted, style, align]) => {
    const room = Math.min(wanted, left);
    left -= room;
    const short = text.length <= room ? text : `${text.slice(0, room - 1)}…`.slice(0, room);
    const padded = align === 'right' ? short.padStart(room) : short.padEnd(room);
    return style === undefined ? padded : styleText(style, padded);
  });
  return texts.join('').trimEnd();
}

function clock(atMs: number): string {
  return `${(Math.max(0, atMs) / 1000).toFixed(1)} s`;
}

function podCells(pod: PodRow): readonly Cell[] {
  const { name, pid, state, token, ticks } = pod;
  const [role, style] = roleOf(pod);
  return [
    [` ${name}`, 12, token === null ? 'reset' : 'green'],
    [state === 'ended' ? 'ended' : `${state} ${pid}`, 19, state === 'suspended' ? 'red' : 'reset'],
    [role, 29, style],
    [String(token ?? ''), 10, 'green', 'right'],
    [String(ticks || ''), 7, 'reset', 'right'],
  ];
}

function roleOf({ gone, state, token, drainsSinceMs, sees }: PodRow): readonly [string, Style] {
  if (state === 'ended') return [gone ? '  Pod is gone' : '  container is down', 'dim'];
  if (state === 'starting') return ['', 'reset'];
  if (token !== null) return [state === 'suspended' ? '● leads, but hangs' : '● leads', 'green'];
  if (drainsSinceMs !== null) return [`◌ ${gone ? 'ghost' : 'demoted'}, drains its job`, 'yellow'];
  return [`${gone ? '◌ ghost,' : '○'} sees ${sees ?? 'no leader'}`, 'reset'];
}

function leaseCells({ lease }: ViewModel, nowMs: number): readonly Cell[] {
  const name: Cell = [' Lease', 12, 'dim'];
  if (lease === null) return [name, ['does not exist', 60, 'yellow']];
  const { holder, released, atMs, revision } = lease;
  const held = released ? `released by ${holder}` : `held by ${holder}, renewed ${clock(nowMs - atMs)} ago`;
  return [name, [`${held}, revision ${revision}`, 68]];
}

function stepCells(step: Step, index: number, event: StepEvent | undefined, nowMs: number): readonly Cell[] {
  const [mark, style, time, outcome] = progressOf(event, nowMs);
  return [
    [` ${mark} `, 3, style],
    [`${index + 1} ${step.title}`, 24, event === undefined ? 'dim' : 'reset'],
    [time, 7, 'bold', 'right'],
    [`  ${step.expected}`, 26, 'dim'],
    [outcome, outcome.length, style === 'red' ? 'red' : 'reset'],
  ];
}

function progressOf(event: StepEvent | undefined, nowMs: number): readonly [string, Style, string, string] {
  if (event === undefined) return [' ', 'dim', '', ''];
  if (event.type === 'stepBegan') return ['▸', 'yellow', clock(nowMs - event.atMs), ''];
  return event.type === 'stepDone'
    ? ['✓', 'green', seconds(event.tookMs), event.outcome]
    : ['✗', 'red', '', event.outcome];
}

/**
 * One picture of the live table: a scene in, lines out. Pure; how they get onto the terminal is in live-table.ts.
 */

import type { Remark } from './narration.ts';
import type { LeaseRow, PodRow, Scene, StepRow } from './scene.ts';
import { cell, fit, type Line, type Span, span } from './styled-text.ts';
import { seconds } from './summary.ts';

/** What a picture shows besides the scene. */
export interface FrameOptions {
  readonly title: string;
  readonly place: string;
  readonly nowMs: number;
  readonly width: number;
  readonly height: number;
  readonly waitsFor: string | null;
}

const NAME_WIDTH = 11;
const PROCESS_WIDTH = 19;
const ROLE_WIDTH = 29;
const TOKEN_WIDTH = 10;
const STEP_WIDTH = 25;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** One frame of the spinner, in milliseconds. */
const SPIN_MS = 100;

/** The picture of a moment, no higher than the terminal; the log gets what height is left. */
export function drawFrame(scene: Scene, options: FrameOptions): readonly Line[] {
  const { height } = options;
  const steps = scene.steps.map((row, index) => stepLine(row, index, options));
  const cast = [...podTable(scene.pods), leaseLine(scene.lease, options)];
  const above: readonly Line[] = [headLine(options), [], ...cast, [], ...steps, []];
  // The last line of the terminal stays free for the cursor.
  const log = scene.remarks.slice(-Math.max(1, height - above.length - 1)).map(remarkLine);
  return [...above, ...log].slice(0, height - 1).map((line) => fit(line, options.width));
}

/** The top line of every picture, the last one too. */
export function headLine({ title, place, nowMs, width }: FrameOptions): Line {
  const clock = `${(nowMs / 1000).toFixed(1)} s`;
  const name = ' lease-elector demo';
  const where = `   ${title}   ${place}`;
  return [
    span(name, 'strong'),
    cell(where, width - name.length - clock.length - 2, 'faint'),
    span(` ${clock}`, 'strong'),
  ];
}

function podTable(pods: readonly PodRow[]): readonly Line[] {
  const head: Line = [
    span(' '),
    cell('POD', NAME_WIDTH, 'faint'),
    cell('PROCESS', PROCESS_WIDTH, 'faint'),
    cell('ROLE', ROLE_WIDTH, 'faint'),
    cell('TOKEN', TOKEN_WIDTH, 'faint', 'right'),
    cell('TICKS', 7, 'faint', 'right'),
  ];
  return [head, ...pods.map(podLine)];
}

function podLine(row: PodRow): Line {
  const { name, pod, pid, state, token, ticks } = row;
  const over = pod === 'gone' && state === 'ended';
  const process = state === 'ended' ? 'ended' : `${state === 'suspended' ? 'suspended' : state} ${pid}`;
  const processTone = state === 'suspended' ? 'bad' : state === 'running' ? 'plain' : 'faint';
  return [
    span(' '),
    cell(name, NAME_WIDTH, over ? 'faint' : token === null ? 'plain' : 'good'),
    cell(process, PROCESS_WIDTH, processTone),
    roleCell(row),
    cell(token === null ? '' : String(token), TOKEN_WIDTH, 'good', 'right'),
    cell(ticks === 0 ? '' : String(ticks), 7, token === null ? 'faint' : 'plain', 'right'),
  ];
}

function roleCell({ pod, state, token, works, sees, reportsStale }: PodRow): Span {
  const role = (text: string, tone: Span['tone']): Span => cell(text, ROLE_WIDTH, tone);
  if (state === 'ended') return pod === 'gone' ? role('  Pod is gone', 'faint') : role('  container is down', 'busy');
  if (state === 'starting') return role('', 'plain');
  if (token !== null) return role(state === 'suspended' ? '● leads, but hangs' : '● leads', 'good');
  if (works) return role(pod === 'gone' ? '◌ ghost, ends its work' : '◌ ends its work', 'busy');
  if (pod === 'gone') return role('◌ ghost', 'busy');
  if (reportsStale !== null) return role(`○ sees ${reportsStale} (stale)`, 'busy');
  return role(sees === null ? '○ sees no leader' : `○ sees ${sees}`, 'plain');
}

function leaseLine(lease: LeaseRow | null, { nowMs }: FrameOptions): Line {
  const name = cell(' Lease', NAME_WIDTH + 1, 'faint');
  if (lease === null) return [name, span('there is none', 'busy')];
  const { holder, released, seenMs, revision } = lease;
  const age = `${((nowMs - seenMs) / 1000).toFixed(1)} s ago`;
  const text = released ? `released by ${holder}` : `held by ${holder}, renewed ${age}`;
  return [name, span(text), span(`, revision ${revision}`, 'faint')];
}

function stepLine({ step, state, beganMs, outcome, tookMs }: StepRow, index: number, options: FrameOptions): Line {
  const { nowMs, width, waitsFor } = options;
  const name = cell(
    `${index + 1} ${step.title}`,
    STEP_WIDTH,
    state === 'to come' ? 'faint' : state === 'playing' ? 'strong' : 'plain',
  );
  const textWidth = width - STEP_WIDTH - 3 - 9;
  const time = (durationMs: number): Span => cell(seconds(durationMs), 8, 'strong', 'right');
  switch (state) {
    case 'to come':
      return [span('   '), name];
    case 'playing': {
      const spinner = SPINNER[Math.floor(nowMs / SPIN_MS) % SPINNER.length] ?? '';
      const text = waitsFor === null ? step.expected : `waiting: ${waitsFor}`;
      const elapsed = `${((nowMs - beganMs) / 1000).toFixed(1)} s`;
      return [span(` ${spinner} `, 'busy'), name, cell(text, textWidth, 'busy'), cell(elapsed, 8, 'busy', 'right')];
    }
    case 'done':
      return [span(' ✓ ', 'good'), name, cell(outcome, textWidth), ...(tookMs === null ? [] : [time(tookMs)])];
    case 'failed':
      return [span(' ✗ ', 'bad'), name, cell(outcome, textWidth + 8, 'bad')];
  }
}

function remarkLine({ atMs, who, text, tone }: Remark): Line {
  const time = (atMs / 1000).toFixed(3).padStart(8);
  return [span(` ${time}  `, 'faint'), cell(who, 11, 'faint'), span(text, tone)];
}

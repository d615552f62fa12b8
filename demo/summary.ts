/**
 * The end of the demo: what was expected, what happened, and the judgement, as lines of text.
 */

import type { Happening } from './happening.ts';
import type { Step } from './play.ts';
import { cell, type Line, span, type Tone, wrap } from './styled-text.ts';
import type { Ghost, Verdict } from './verdict.ts';

/** What the summary is made of. */
export interface SummaryOptions {
  readonly steps: readonly Step[];
  readonly happenings: readonly Happening[];
  readonly verdict: Verdict;
  /** How many requests the candidates made, where that is known. */
  readonly requests: number | null;
  readonly tookMs: number;
  readonly width: number;
}

/** Seconds as people read them. */
export function seconds(durationMs: number): string {
  return durationMs < 100 ? `${durationMs.toFixed(0)} ms` : `${(durationMs / 1000).toFixed(2)} s`;
}

const STEP_WIDTH = 24;
const TIME_WIDTH = 7;

/** A wider table is harder to read. */
const MAX_TABLE_WIDTH = 96;

/** All lines of the summary. */
export function summarise(options: SummaryOptions): readonly Line[] {
  return [...stepTable(options), [], ...totals(options), [], ...judgement(options)];
}

function stepTable({ steps, happenings, width }: SummaryOptions): readonly Line[] {
  const textWidth = Math.min(width, MAX_TABLE_WIDTH) - STEP_WIDTH - TIME_WIDTH - 5;
  const expectedWidth = Math.ceil(textWidth * 0.55);
  const happenedWidth = textWidth - expectedWidth;
  const row = (texts: readonly [string, string, string, string], tones: readonly [Tone, Tone, Tone, Tone]): Line => [
    cell(texts[0], STEP_WIDTH, tones[0]),
    cell(texts[1], expectedWidth + 1, tones[1]),
    cell(texts[2], happenedWidth + 1, tones[2]),
    cell(texts[3], TIME_WIDTH, tones[3], 'right'),
  ];
  const head: Line = [
    span('   '),
    ...row(['STEP', 'EXPECTED', 'HAPPENED', 'TIME'], ['faint', 'faint', 'faint', 'faint']),
  ];
  const lines = steps.flatMap(({ id, title, expected }, index) => {
    const { done, text, time } = outcomeOf(id, happenings);
    const texts = [wrap(expected, expectedWidth), wrap(text, happenedWidth)] as const;
    const tones = ['plain', 'faint', done ? 'plain' : 'bad', 'strong'] as const;
    return Array.from({ length: Math.max(texts[0].length, texts[1].length) }, (_, line): Line => {
      const [name, duration] = line === 0 ? [`${index + 1} ${title}`, time] : ['', ''];
      const mark = line > 0 ? span('   ') : done ? span(' ✓ ', 'good') : span(' ✗ ', 'bad');
      return [mark, ...row([name, texts[0][line] ?? '', texts[1][line] ?? '', duration], tones)];
    });
  });
  return [head, ...lines];
}

function outcomeOf(id: string, happenings: readonly Happening[]): { done: boolean; text: string; time: string } {
  for (const event of happenings) {
    if (event.type === 'stepDone' && event.step === id) {
      return { done: true, text: event.outcome, time: seconds(event.tookMs) };
    }
    if (event.type === 'stepFailed' && event.step === id) return { done: false, text: event.outcome, time: '' };
  }
  return { done: false, text: 'was not played', time: '' };
}

function totals({ happenings, verdict, requests, tookMs, width }: SummaryOptions): readonly Line[] {
  const { terms, ghosts, leadersAtOnce, ticks } = verdict;
  const rows: (readonly [string, string])[] = [
    ['Leaders at once', `at most ${leadersAtOnce}`],
    ['Fencing tokens', terms.map(({ token }) => String(token)).join(', ') || 'none'],
  ];
  for (const event of happenings) {
    if (event.type !== 'stepDone') continue;
    const took = seconds(event.tookMs);
    if (event.step === 'deletion')
      rows.push(['Failover', `${took} from DELETE of the Pod to the successor's onElected`]);
    if (event.step === 'hand-over') rows.push(['Hand-over', `${took} from SIGTERM to the successor's onElected`]);
  }
  rows.push(...ghosts.map((ghost): readonly [string, string] => ['Ghost', wordsOf(ghost)]));
  rows.push(['Job', `${ticks} ticks`]);
  if (requests !== null) {
    rows.push(['Requests', `${requests} by all candidates together, watches included, in ${seconds(tookMs)}`]);
  }
  return rows.flatMap(([name, text]) =>
    wrap(text, width - 21).map(
      (part, row): Line => [span('   '), cell(row === 0 ? name : '', 17, 'faint'), span(part)],
    ),
  );
}

function wordsOf({ term, successor, learntAfterMs, workedForMs, besideSuccessorMs }: Ghost): string {
  const learnt = learntAfterMs === null ? 'never learnt that' : `learnt after ${seconds(learntAfterMs)} that`;
  const worked = `and ended its work after ${seconds(workedForMs)}`;
  const beside = besideSuccessorMs > 0 ? `, ${seconds(besideSuccessorMs)} of it beside its successor` : '';
  const fence = successor === null ? '' : `; its token ${term.token}, the successor's ${successor.token}`;
  return `${term.process} ${learnt} its Pod was gone ${worked}${beside}${fence}`;
}

function judgement({ steps, verdict, width }: SummaryOptions): readonly Line[] {
  if (verdict.violations.length === 0) {
    return [
      [span(' ✓ ', 'good'), span(`All ${steps.length} steps went as they must; there were never two leaders.`, 'good')],
    ];
  }
  return verdict.violations.flatMap((violation) =>
    wrap(violation, width - 4).map((part, row): Line => [span(row === 0 ? ' ✗ ' : '   ', 'bad'), span(part, 'bad')]),
  );
}

/**
 * The end of the demo: what was expected, what happened, and the judgement, as lines of text.
 */

import type { Happening } from './happening.ts';
import type { Step } from './play.ts';
import { cell, type Line, span, wrap } from './styled-text.ts';
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
const TIME_WIDTH = 8;

/** All lines of the summary. */
export function summarise(options: SummaryOptions): readonly Line[] {
  return [...stepTable(options), [], ...totals(options), [], ...judgement(options)];
}

function stepTable({ steps, happenings, width }: SummaryOptions): readonly Line[] {
  const textWidth = Math.floor((width - STEP_WIDTH - TIME_WIDTH - 6) / 2);
  const lines: Line[] = [
    [
      span('   '),
      cell('STEP', STEP_WIDTH, 'faint'),
      cell('EXPECTED', textWidth + 1, 'faint'),
      cell('HAPPENED', textWidth + 1, 'faint'),
      cell('TIME', TIME_WIDTH, 'faint', 'right'),
    ],
  ];
  steps.forEach(({ id, title, expected }, index) => {
    const done = happenings.find((event) => event.type === 'stepDone' && event.step === id);
    const failed = happenings.find((event) => event.type === 'stepFailed' && event.step === id);
    const time = done?.type === 'stepDone' ? seconds(done.tookMs) : '';
    const happened = done ?? failed;
    const text = happened !== undefined && 'outcome' in happened ? happened.outcome : 'was not played';
    const tone = done === undefined ? 'bad' : 'good';
    const expectedLines = wrap(expected, textWidth);
    const happenedLines = wrap(text, textWidth);
    for (let row = 0; row < Math.max(expectedLines.length, happenedLines.length); row += 1) {
      lines.push([
        span(row > 0 ? '   ' : done === undefined ? ' ✗ ' : ' ✓ ', tone),
        cell(row === 0 ? `${index + 1} ${title}` : '', STEP_WIDTH),
        cell(expectedLines[row] ?? '', textWidth + 1, 'faint'),
        cell(happenedLines[row] ?? '', textWidth + 1, done === undefined ? 'bad' : 'plain'),
        cell(row === 0 ? time : '', TIME_WIDTH, 'strong', 'right'),
      ]);
    }
  });
  return lines;
}

function totals({ happenings, verdict, requests, tookMs, width }: SummaryOptions): readonly Line[] {
  const { terms, ghosts, leadersAtOnce, ticks } = verdict;
  const failover = happenings.find((event) => event.type === 'stepDone' && event.step === 'deletion');
  const rows: (readonly [string, string])[] = [
    ['Leaders at once', `at most ${leadersAtOnce}`],
    ['Fencing tokens', terms.map(({ token }) => String(token)).join(' < ') || 'none'],
  ];
  if (failover?.type === 'stepDone') {
    rows.push(['Failover', `${seconds(failover.tookMs)} from the DELETE of the Pod to the successor's onElected`]);
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

function wordsOf({ term, forMs, besideSuccessorMs }: Ghost): string {
  const { process, token } = term;
  const beside = besideSuccessorMs > 0 ? `, ${seconds(besideSuccessorMs)} of it beside its successor` : '';
  return `${process} worked for ${seconds(forMs)} after its Pod was gone${beside}, with the smaller token ${token}`;
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

/**
 * The end of the demo: the totals, the verdict in words, and the exit code.
 */

import type { DemoEvent } from './demo-event.ts';
import { paint, seconds } from './styled-row.ts';
import { type Ghost, judge, type RequiredStep } from './verdict.ts';

/** The exit code when two processes led at once, leadership moved where it must not, or a step did not happen. */
const EXIT_VIOLATION = 1;

const LABEL_WIDTH = 16;

/** What the summary is made of. */
export interface SummaryOptions {
  readonly steps: readonly RequiredStep[];
  readonly events: readonly DemoEvent[];
  /** The number of requests of all candidates. */
  readonly requests: number;
  readonly tookMs: number;
}

/** The lines at the end, and the exit code. */
export interface Summary {
  readonly exitCode: number;
  readonly lines: readonly string[];
}

/** Judges the demo and puts the result into words. */
export function summarise({ steps, events, requests, tookMs }: SummaryOptions): Summary {
  const { violations, terms, ghosts, leadersAtOnce, ticks } = judge(steps, events);
  const totals: readonly (readonly [string, string])[] = [
    ['Leaders at once', `at most ${leadersAtOnce}`],
    ['Fencing tokens', terms.map(({ token }) => String(token)).join(', ') || 'none'],
    ['Times', "to the next leader's onElected; 5: from DELETE, 6: from SIGTERM"],
    ...ghosts.flatMap((ghost) => ghostWords(ghost).map((text, index) => [index === 0 ? 'Ghost' : '', text] as const)),
    ['Job', `${ticks} ticks`],
    ['Requests', `${requests} of all candidates together, in ${seconds(tookMs)}`],
  ];
  const good = ` ✓ All ${steps.length} steps went as they must; there were never two leaders.`;
  const isGood = violations.length === 0;
  const lines = totals.map(([name, text]) => ` ${paint(name.padEnd(LABEL_WIDTH), 'faint')}${text}`);
  const verdict = isGood ? [paint(good, 'good')] : violations.map((violation) => paint(` ✗ ${violation}`, 'bad'));
  return { exitCode: isGood ? 0 : EXIT_VIOLATION, lines: [...lines, '', ...verdict] };
}

function ghostWords({ term, successor, demotedAfterMs, drainedForMs, besideSuccessorMs }: Ghost): readonly string[] {
  const { process, token } = term;
  const led =
    besideSuccessorMs > 0 ? [`Before that it led for ${seconds(besideSuccessorMs)} beside its successor.`] : [];
  const fence = successor === null ? [] : [`Its token ${token} is smaller than ${successor.token}, its successor's.`];
  if (demotedAfterMs === null) return [`${process} never learned that its Pod was gone.`, ...led, ...fence];
  return [
    `${process} was demoted ${seconds(demotedAfterMs)} after its Pod was gone.`,
    ...led,
    `The last ${seconds(drainedForMs)} are its drain after demotion, no second leader.`,
    ...fence,
  ];
}

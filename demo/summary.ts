/**
 * The end of the demo: the totals, the verdict in words, and the exit code.
 */

import { styleText } from 'node:util';
import type { DemoEvent } from './demo-event.ts';
import { type Ghost, judge, type RequiredStep } from './verdict.ts';
import { seconds } from './view-model.ts';

/** The exit code of a demo that did not go as it must. */
export const EXIT_FAILURE = 1;

/** The lines at the end, and the exit code. */
export interface Summary {
  readonly exitCode: number;
  readonly lines: readonly string[];
}

/** Judges the demo and puts the result into words. @param requests the number of requests of all candidates */
export function summarise(steps: readonly RequiredStep[], events: readonly DemoEvent[], requests: number): Summary {
  const { violations, terms, ghosts, leadersAtOnce, ticks } = judge(steps, events);
  const totals: readonly (readonly [string, string])[] = [
    ['Leaders at once', `at most ${leadersAtOnce}`],
    ['Fencing tokens', terms.map(({ token }) => String(token)).join(', ') || 'none'],
    ['Times', 'step 5 from DELETE, step 6 from SIGTERM, to the next onElected'],
    ...ghosts.flatMap((ghost) => ghostWords(ghost).map((text, index) => [index === 0 ? 'Ghost' : '', text] as const)),
    ['Job', `${ticks} ticks`],
    ['Requests', `${requests}, of all candidates together`],
  ];
  const good = ` ✓ All ${steps.length} steps went as they must; there were never two leaders.`;
  const isGood = violations.length === 0;
  const lines = totals.map(([name, text]) => ` ${styleText('dim', name.padEnd(16))}${text}`);
  const verdict = isGood
    ? [styleText('green', good)]
    : violations.map((violation) => styleText('red', ` ✗ ${violation}`));
  return { exitCode: isGood ? 0 : EXIT_FAILURE, lines: [...lines, '', ...verdict] };
}

function ghostWords({ term, successor, demotedAfterMs, drainedForMs, besideSuccessorMs }: Ghost): readonly string[] {
  const { process, token } = term;
  const beside = `Before that it led for ${seconds(besideSuccessorMs)} beside its successor.`;
  const led = besideSuccessorMs > 0 ? [beside] : [];
  const fence = successor === null ? [] : [`Its token ${token} is smaller than ${successor.token}, its successor's.`];
  if (demotedAfterMs === null) return [`${process} never learned that its Pod was gone.`, ...led, ...fence];
  return [
    `${process} was demoted ${seconds(demotedAfterMs)} after its Pod was gone.`,
    ...led,
    `In its last ${seconds(drainedForMs)} it drained its job, and did not lead.`,
    ...fence,
  ];
}

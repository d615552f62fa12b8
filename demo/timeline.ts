/**
 * The events of the demo as events of a timeline, and their form in a file.
 */

import type { TimelineEvent } from '../src/testing/index.ts';
import type { DemoEvent } from './demo-event.ts';

/** The title of the picture. */
export const DEMO_TITLE = 'Three candidates, one leader';

/** The values that JSON has no type for. */
const BIGINT_KEYS: readonly string[] = ['token', 'revision'];

/** The events of a run in order of time, without repetitions such as the ticks of the job. */
export function timelineOf(events: readonly DemoEvent[]): readonly TimelineEvent[] {
  return events
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(shown)
    .filter((event) => event !== null);
}

function shown(event: DemoEvent): TimelineEvent | null {
  switch (event.type) {
    case 'stepEnded':
      if (event.tookMs !== null) return null;
      return { ...event, type: 'noted', text: `the step failed: ${event.outcome}`, tone: 'trouble' };
    case 'stale':
      return { ...event, type: 'noted', text: `reports ${event.leader} as stale`, tone: 'trouble' };
    case 'signalled':
      if (event.signal === 'SIGSTOP') return { ...event, type: 'processHung' };
      if (event.signal === 'SIGCONT') return { ...event, type: 'processResumed' };
      // After another signal the end of the process follows at once.
      return event.signal === 'SIGTERM' ? { ...event, type: 'noted', text: 'receives SIGTERM', tone: 'note' } : null;
    case 'jobTicked':
    case 'leaderChanged':
      return null;
    default:
      return event;
  }
}

/** The text of a file with events: one line for each event. */
export function formatRecording(events: readonly TimelineEvent[]): string {
  const write = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
  return `[\n${events.map((event) => JSON.stringify(event, write)).join(',\n')}\n]\n`;
}

/** The events of such a file. */
export function parseRecording(text: string): readonly TimelineEvent[] {
  return JSON.parse(text, (key, value: unknown) =>
    BIGINT_KEYS.includes(key) ? BigInt(String(value)) : value,
  ) as readonly TimelineEvent[];
}

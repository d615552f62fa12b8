/**
 * Shows the demo to people: on a terminal as tables that are drawn in place, elsewhere as one line for each event.
 */

import { LiveTable } from '../src/command/live-table.ts';
import type { EventLog } from './event-log.ts';
import { type Frame, livePicture, type Remark, remarkLine, stateTables } from './tables.ts';
import { seconds, ViewModel } from './view-model.ts';

/** How often the display looks for new events, in milliseconds. */
const REDRAW_MS = 100;

/** How long it waits for an earlier event, in milliseconds. Most reports arrive within ten milliseconds. */
const ORDER_DELAY_MS = 300;

/** Longer lines are hard to read. */
const MAX_WIDTH = 120;

/**
 * Shows the events of a log in order of time.
 *
 * @param plain lines, also on a terminal
 * @returns a function that shows the rest of the events, the last table, and its argument
 */
export function display(log: EventLog, title: string, plain: boolean): (lines: readonly string[]) => void {
  const output = process.stdout;
  const table = new LiveTable((text) => output.write(text));
  const view = new ViewModel();
  const remarks: Remark[] = [];
  // Some terminals report the size 0.
  const frame = (): Frame => ({
    title,
    nowMs: log.toMs(),
    waitsFor: log.waitsFor,
    width: Math.min(output.columns || 80, MAX_WIDTH),
    height: output.rows || 24,
  });
  const show = (untilMs: number): void => {
    for (const [event, atMs] of log.take(untilMs)) {
      const words = view.apply(event);
      if (words === null) continue;
      const late = atMs > event.atMs ? ` (${seconds(atMs - event.atMs)} earlier)` : '';
      const remark: Remark = [atMs, words[0], words[1] + late, words[2]];
      remarks.push(remark);
      if (plain) output.write(`${remarkLine(remark, Number.POSITIVE_INFINITY)}\n`);
    }
    if (!plain) table.show(livePicture(view, remarks, frame()), frame().height);
  };
  const timer = setInterval(() => show(log.toMs() - ORDER_DELAY_MS), REDRAW_MS);
  return (lines) => {
    clearInterval(timer);
    show(Number.POSITIVE_INFINITY);
    table.clear();
    output.write(`${plain ? '\n' : ''}${[...stateTables(view, frame()), '', ...lines].join('\n')}\n`);
  };
}

/**
 * Shows the demo to people: on a terminal as tables that are drawn in place, elsewhere as one line an event.
 */

import type { EventLog } from './event-log.ts';
import { STEPS } from './script.ts';
import { seconds } from './styled-row.ts';
import { type Frame, livePicture, type Remark, remarkLine, stateTables } from './tables.ts';
import { ORDER_DELAY_MS, TimeOrder } from './time-order.ts';
import { ViewModel } from './view-model.ts';

/** How often the display looks for new events, in milliseconds. */
const REDRAW_MS = 100;

/** Longer lines are hard to read. */
const MAX_WIDTH = 120;

const HOME = '\x1b[H';
const CLEAR_LINE_RIGHT = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** Shows events in order of time until it is closed. */
export class Display {
  readonly #output: NodeJS.WriteStream;
  readonly #plain: boolean;
  readonly #log: EventLog;
  readonly #title: string;
  readonly #view = new ViewModel(STEPS);
  readonly #order = new TimeOrder();
  readonly #remarks: Remark[] = [];
  readonly #timer: NodeJS.Timeout;

  /** @param plain lines, also on a terminal */
  constructor(output: NodeJS.WriteStream, plain: boolean, log: EventLog, title: string) {
    this.#output = output;
    this.#plain = plain;
    this.#log = log;
    this.#title = title;
    this.#timer = setInterval(() => this.#show(log.toMs() - ORDER_DELAY_MS), REDRAW_MS);
    // The earlier content of the terminal moves up, out of the way.
    if (!plain) output.write('\n'.repeat(this.#size().rows));
  }

  /** Shows all events that are left, the last table, and these lines. */
  close(lines: readonly string[]): void {
    clearInterval(this.#timer);
    this.#show(Number.POSITIVE_INFINITY);
    this.#write([...stateTables(this.#view, this.#frame()), '', ...lines]);
  }

  #show(untilMs: number): void {
    for (const [event, atMs] of this.#order.take(this.#log.events, untilMs)) {
      const words = this.#view.apply(event);
      if (words === null) continue;
      const [who, text, style] = words;
      const late = atMs > event.atMs ? ` (${seconds(atMs - event.atMs)} earlier)` : '';
      const remark: Remark = { atMs, words: [who, text + late, style] };
      this.#remarks.push(remark);
      if (this.#plain) this.#output.write(`${remarkLine(remark, Number.POSITIVE_INFINITY)}\n`);
    }
    const { rows } = this.#size();
    if (!this.#plain) this.#write(livePicture(this.#view, this.#remarks, this.#log.waitsFor, this.#frame(), rows));
  }

  /** Some terminals report the size 0. */
  #size(): { readonly columns: number; readonly rows: number } {
    return { columns: Math.min(this.#output.columns || 80, MAX_WIDTH), rows: this.#output.rows || 24 };
  }

  #frame(): Frame {
    return { title: this.#title, nowMs: this.#log.toMs(), width: this.#size().columns };
  }

  /** The lines replace what a terminal shows, in one write, so that no half picture appears. */
  #write(lines: readonly string[]): void {
    if (this.#plain) this.#output.write(`\n${lines.join('\n')}\n`);
    else this.#output.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE_RIGHT}\n`).join('')}${CLEAR_BELOW}`);
  }
}

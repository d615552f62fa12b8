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

/** The size of an output that does not know its own. Some terminals report 0. */
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

const HOME = '\x1b[H';
const CLEAR_LINE_RIGHT = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** Shows events in order of time until it is closed. */
export class Display {
  readonly #output: NodeJS.WriteStream;
  readonly #plain: boolean;
  readonly #log: EventLog;
  readonly #title: string;
  readonly #view = new ViewModel(STEPS);
  readonly #order = new TimeOrder();
  readonly #remarks: Remark[] = [];
  readonly #timer: NodeJS.Timeout = setInterval(() => this.#show(this.#log.toMs() - ORDER_DELAY_MS), REDRAW_MS);

  /** @param plain lines, also on a terminal */
  constructor(output: NodeJS.WriteStream, plain: boolean, log: EventLog, title: string) {
    this.#output = output;
    this.#plain = plain;
    this.#log = log;
    this.#title = title;
    // The earlier content of the terminal moves up, out of the way.
    if (!plain) output.write(HIDE_CURSOR + '\n'.repeat(output.rows || DEFAULT_ROWS));
  }

  /** Shows all events that are left, the last table, and these lines. */
  close(lines: readonly string[]): void {
    clearInterval(this.#timer);
    this.#show(Number.POSITIVE_INFINITY);
    const last = [...stateTables(this.#view, this.#frame()), '', ...lines];
    if (this.#plain) this.#output.write(`\n${last.join('\n')}\n`);
    else this.#draw(last, SHOW_CURSOR);
  }

  #show(untilMs: number): void {
    for (const { event, shownAtMs } of this.#order.take(this.#log.events, untilMs)) {
      const words = this.#view.apply(event);
      if (words === null) continue;
      const [who, text, style = 'plain'] = words;
      const late = shownAtMs > event.atMs ? ` (${seconds(shownAtMs - event.atMs)} earlier)` : '';
      const remark: Remark = { atMs: shownAtMs, words: [who, text + late, style] };
      this.#remarks.push(remark);
      if (this.#plain) this.#output.write(`${remarkLine(remark, Number.POSITIVE_INFINITY)}\n`);
    }
    const height = (this.#output.rows || DEFAULT_ROWS) - 1;
    if (!this.#plain) this.#draw(livePicture(this.#view, this.#remarks, this.#frame(), height));
  }

  #frame(): Frame {
    const width = Math.min(this.#output.columns || DEFAULT_COLUMNS, MAX_WIDTH);
    return { title: this.#title, nowMs: this.#log.toMs(), waitsFor: this.#log.waitsFor, width };
  }

  /** The new lines replace the last ones, in one write, so that no half picture appears. */
  #draw(lines: readonly string[], end = ''): void {
    const text = lines.map((line) => `${line}${CLEAR_LINE_RIGHT}\n`).join('');
    this.#output.write(HOME + text + CLEAR_BELOW + end);
  }
}

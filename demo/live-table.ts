/**
 * The display on a terminal: pictures drawn in place, one over the other. What they show is in frame.ts.
 */

import type { Chronicle } from './chronicle.ts';
import type { Display } from './display.ts';
import { drawFrame, type FrameOptions, headLine } from './frame.ts';
import type { Happening } from './happening.ts';
import type { Step } from './play.ts';
import { Scene } from './scene.ts';
import { type Line, paint } from './styled-text.ts';

/** How often the picture is drawn, in milliseconds. */
const REDRAW_MS = 100;

/** Lines longer than this are hard to read. */
const MAX_WIDTH = 120;

/** The size of a terminal that does not tell its own. */
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

const CLEAR_LINE_RIGHT = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const CLEAR_SCREEN = '\x1b[2J\x1b[H';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** What the table is drawn on, and of. */
export interface LiveTableOptions {
  readonly output: NodeJS.WriteStream;
  readonly steps: readonly Step[];
  readonly chronicle: Chronicle;
  readonly title: string;
  readonly place: string;
}

/** Draws the play as a table. */
export class LiveTable implements Display {
  readonly #output: NodeJS.WriteStream;
  readonly #chronicle: Chronicle;
  readonly #title: string;
  readonly #place: string;
  readonly #scene: Scene;
  readonly #colours: boolean;
  readonly #timer: NodeJS.Timeout;
  readonly #resized = (): void => this.#redrawAll();
  readonly #showCursor = (): void => {
    this.#output.write(SHOW_CURSOR);
  };
  #drawnLines = 0;

  constructor({ output, steps, chronicle, title, place }: LiveTableOptions) {
    this.#output = output;
    this.#chronicle = chronicle;
    this.#title = title;
    this.#place = place;
    this.#scene = new Scene(steps);
    // https://no-color.org: any value but the empty one.
    this.#colours = (process.env['NO_COLOR'] ?? '') === '';
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    output.on('resize', this.#resized);
    output.write(HIDE_CURSOR);
    // Whatever ends this process, the cursor comes back.
    process.once('exit', this.#showCursor);
  }

  get width(): number {
    // Some terminals do not know their size, or say 0.
    return Math.min(this.#output.columns || DEFAULT_COLUMNS, MAX_WIDTH);
  }

  show(happening: Happening): void {
    this.#scene.apply(happening);
  }

  close(lines: readonly Line[]): void {
    clearInterval(this.#timer);
    this.#output.off('resize', this.#resized);
    process.off('exit', this.#showCursor);
    this.#write([headLine(this.#frameOptions()), [], ...lines]);
    this.#showCursor();
  }

  #frameOptions(): FrameOptions {
    return {
      title: this.#title,
      place: this.#place,
      nowMs: this.#chronicle.nowMs(),
      width: this.width,
      height: this.#output.rows || DEFAULT_ROWS,
      waitsFor: this.#chronicle.waitsFor,
    };
  }

  #draw(): void {
    this.#write(drawFrame(this.#scene, this.#frameOptions()));
  }

  /** Lines that the terminal has wrapped anew cannot be drawn over. */
  #redrawAll(): void {
    this.#output.write(CLEAR_SCREEN);
    this.#drawnLines = 0;
    this.#draw();
  }

  #write(lines: readonly Line[]): void {
    const up = this.#drawnLines === 0 ? '' : `\x1b[${this.#drawnLines}A\r`;
    const text = lines.map((line) => `${paint(line, this.#colours)}${CLEAR_LINE_RIGHT}\n`).join('');
    // In one write, so that no half picture is ever seen.
    this.#output.write(up + text + CLEAR_BELOW);
    this.#drawnLines = lines.length;
  }
}

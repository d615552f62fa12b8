/**
 * The display where there is no terminal: one line per remark, with its time.
 */

import type { Display } from './display.ts';
import type { Happening } from './happening.ts';
import { Narrator } from './narration.ts';
import type { Step } from './play.ts';
import { type Line, paint } from './styled-text.ts';
import { seconds } from './summary.ts';

/** The width of the summary, in characters. */
const WIDTH = 100;

/** Writes lines. */
export class PlainLines implements Display {
  readonly width: number = WIDTH;
  readonly #write: (text: string) => void;
  readonly #steps: readonly Step[];
  readonly #narrator = new Narrator();
  #closed = false;

  constructor(write: (text: string) => void, steps: readonly Step[]) {
    this.#write = write;
    this.#steps = steps;
  }

  show(happening: Happening): void {
    if (this.#closed) return;
    const step = 'step' in happening ? this.#steps.findIndex(({ id }) => id === happening.step) : -1;
    const name = `${step + 1} ${this.#steps[step]?.title}`;
    if (happening.type === 'stepBegan') this.#line(happening.atMs, `== ${name}: ${this.#steps[step]?.expected}`);
    if (happening.type === 'stepDone') {
      this.#line(happening.atMs, `ok ${name}: ${happening.outcome} (${seconds(happening.tookMs)})`);
    }
    if (happening.type === 'stepFailed') this.#line(happening.atMs, `NOT OK ${name}: ${happening.outcome}`);
    const remark = this.#narrator.tell(happening);
    if (remark !== null) this.#line(remark.atMs, `   ${remark.who.padEnd(10)} ${remark.text}`);
  }

  close(lines: readonly Line[]): void {
    this.#closed = true;
    this.#write(`\n${lines.map((line) => paint(line, false)).join('\n')}\n`);
  }

  #line(atMs: number, text: string): void {
    this.#write(`${(atMs / 1000).toFixed(3).padStart(7)}  ${text}\n`);
  }
}

/**
 * A table that is updated in place on a terminal.
 */

/** Moves up by this number of lines to the first column, and clears to the end of the screen (ECMA-48). */
const upAndClear = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}F\u001b[J`);

/** Writes the same lines again and again over each other. */
export class LiveTable {
  readonly #write: (text: string) => void;
  #shown = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** @param rows of the terminal: what does not fit is counted instead, since nothing can be cleared that has scrolled away */
  show(lines: readonly string[], rows: number): void {
    const room = Math.max(1, rows - 1);
    const fitting =
      lines.length <= room ? lines : [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more`];
    this.#write(`${upAndClear(this.#shown)}${fitting.join('\n')}\n`);
    this.#shown = fitting.length;
  }

  /** Another text comes before the table, which is shown below it again. */
  clear(): void {
    this.#write(upAndClear(this.#shown));
    this.#shown = 0;
  }
}

/**
 * A table that is updated in place on a terminal.
 */

/** Moves the cursor up by this number of lines to the first column, and clears to the end of the screen (ECMA-48). */
const upAndClear = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}F\u001b[J`);

/** Writes each frame over the previous one. */
export class LiveTable {
  readonly #write: (text: string) => void;
  #shown = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /**
   * @param rows the height of the terminal; lines that do not fit are only counted, because scrolled lines cannot be
   * cleared
   */
  show(lines: readonly string[], rows: number): void {
    const room = Math.max(1, rows - 1);
    const fitting =
      lines.length <= room ? lines : [...lines.slice(0, room - 1), `… and ${lines.length - room + 1} more`];
    this.#write(`${upAndClear(this.#shown)}${fitting.join('\n')}\n`);
    this.#shown = fitting.length;
  }

  /** Clears the table, so that another text can be written. The next table is shown below that text. */
  clear(): void {
    this.#write(upAndClear(this.#shown));
    this.#shown = 0;
  }
}

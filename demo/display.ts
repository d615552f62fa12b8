/**
 * What a display of the play must do; plain-lines.ts and live-table.ts do it.
 */

import type { Happening } from './happening.ts';
import type { Line } from './styled-text.ts';

/** Shows the play to people. */
export interface Display {
  /** How wide the closing lines may be, in characters. */
  readonly width: number;
  show(happening: Happening): void;
  /** Ends with these lines. */
  close(lines: readonly Line[]): void;
}

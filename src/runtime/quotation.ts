/**
 * Text from outside, as a message shows it: quoted, on one line, and cut.
 */

/** A message shows at most this many characters of a value from outside. A whole token or key is always longer. */
export const QUOTATION_LIMIT = 60;

/** The text in double quotes, with control characters escaped; a long one is cut. */
export function quote(text: string): string {
  return JSON.stringify(cut(text));
}

/** The text itself, or its beginning. */
export function cut(text: string): string {
  return text.length > QUOTATION_LIMIT ? `${text.slice(0, QUOTATION_LIMIT)}…` : text;
}

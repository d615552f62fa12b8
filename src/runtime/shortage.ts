/**
 * Errors that are not about the request: this machine or process lacks a resource at the moment.
 */

const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);

/** The module loader of Node.js gives an error code of its own, and keeps only the text (seen with Node 24). */
const SHORTAGE_TEXT = /too many open files/;

/** An error can wrap another one; at most this many are checked. */
const LONGEST_CAUSE_CHAIN = 4;

/** Whether an error, or the error behind it, is a shortage, which passes. */
export function isShortage(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < LONGEST_CAUSE_CHAIN && current instanceof Error; depth += 1) {
    if ('code' in current && SHORTAGES.has(String(current.code))) return true;
    if (SHORTAGE_TEXT.test(current.message)) return true;
    current = current.cause;
  }
  return false;
}

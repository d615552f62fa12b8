/**
 * Recognizes errors of a shortage: this machine or process lacks a resource at the moment.
 */

const SHORTAGES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);

/** The module loader of Node.js replaces the error code and keeps only the text (seen with Node 24). */
const SHORTAGE_TEXT = /too many open files/;

/** An error can have another error as its cause. At most this many errors are checked. */
const LONGEST_CAUSE_CHAIN = 4;

/** Whether an error, or one of its causes, is a shortage. A shortage is temporary. */
export function isShortage(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth < LONGEST_CAUSE_CHAIN && current instanceof Error; depth += 1) {
    if ('code' in current && SHORTAGES.has(String(current.code))) return true;
    if (SHORTAGE_TEXT.test(current.message)) return true;
    current = current.cause;
  }
  return false;
}

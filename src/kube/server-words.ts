/**
 * Makes text of a server fit for a message: no control characters, no credentials, a limited length.
 */

/** A server's message is cut after this many characters. */
const WORDS_LIMIT = 500;

/** Removes credentials from a text. */
export type Conceal = (text: string) => string;

/** Control, format and private characters, lone surrogates, and line separators: each could change what a terminal or a log shows. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** The text in one line. Credentials are removed first, so that no half of one remains at the cut. */
export function cleanWords(text: string, conceal: Conceal = (words) => words): string {
  const line = conceal(text).replace(UNPRINTABLE, ' ').trim();
  return line.length > WORDS_LIMIT ? `${line.slice(0, WORDS_LIMIT).replace(/[\uD800-\uDBFF]$/, '')}…` : line;
}

/** A shorter credential is not searched for: it would remove ordinary letters from ordinary words. */
const SHORTEST_SECRET = 6;

/** How many authorizations are kept: a message may still contain the previous one. */
const REMEMBERED = 2;

/** The credentials of the last requests. */
export class Secrets {
  #remembered: (readonly string[])[] = [];

  /** Stores the secrets of one authorization. */
  remember(secrets: readonly string[]): void {
    const [last] = this.#remembered;
    if (last !== undefined && last.length === secrets.length && last.every((one, index) => one === secrets[index]))
      return;
    this.#remembered = [secrets, ...this.#remembered].slice(0, REMEMBERED);
  }

  readonly conceal: Conceal = (text) => {
    let concealed = text;
    for (const secret of this.#remembered.flat()) {
      if (secret.length >= SHORTEST_SECRET) concealed = concealed.replaceAll(secret, '<credentials>');
    }
    return concealed;
  };
}

/**
 * Converts a text of a server for a message: without control characters, without credentials, of a limited length.
 */

/** A text of a server is cut after this many characters. */
const WORDS_LIMIT = 500;

/** Removes credentials from a text. */
export type Conceal = (text: string) => string;

/** Control, format and private characters, lone surrogates, and line separators: each could change what a terminal or a log shows. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** The text in one line. Credentials are removed first, so that the cut leaves no part of a credential. */
export function cleanWords(text: string, conceal: Conceal = (words) => words): string {
  const line = conceal(text).replace(UNPRINTABLE, ' ').trim();
  return line.length > WORDS_LIMIT ? `${line.slice(0, WORDS_LIMIT).replace(/[\uD800-\uDBFF]$/, '')}…` : line;
}

/** A credential of fewer characters is not removed, because ordinary words may contain it. */
const SHORTEST_SECRET = 6;

/** The number of authorizations that are kept, because a message may still contain the previous one. */
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

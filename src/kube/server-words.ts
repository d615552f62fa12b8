/**
 * Makes words of a server fit for a message: no control characters, no credentials, no endless text.
 */

/** A server's message is cut after this many characters. */
const WORDS_LIMIT = 500;

/** Takes credentials out of a text. */
export type Conceal = (text: string) => string;

/** Control, format and private characters, halves of characters, and separators of lines: each could change what a terminal or a log shows. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** The words in one line. Credentials go first, so that no half of them remains at the cut. */
export function cleanWords(text: string, conceal: Conceal = (words) => words): string {
  const line = conceal(text).replace(UNPRINTABLE, ' ').trim();
  return line.length > WORDS_LIMIT ? `${line.slice(0, WORDS_LIMIT).replace(/[\uD800-\uDBFF]$/, '')}…` : line;
}

/** A shorter credential is not looked for: it would take ordinary letters out of ordinary words. */
const SHORTEST_SECRET = 6;

/** How many authorizations are remembered: a message may still speak of the one before. */
const REMEMBERED = 2;

/** The credentials that were sent last. */
export class Secrets {
  #remembered: (readonly string[])[] = [];

  /** Remembers what one authorization consists of. */
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

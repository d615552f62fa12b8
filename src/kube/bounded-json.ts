/**
 * Parses JSON of a server. Refuses a text whose value would occupy far more memory than the text.
 */

/** JSON with more levels is not parsed. An object of Kubernetes has about ten levels. */
export const JSON_DEPTH_LIMIT = 100;

/**
 * JSON with more values is not parsed. A value occupies up to about 100 bytes, so a text of 4 MiB could occupy 100 MB.
 * A list of 50 Pods has about 20,000 values.
 */
export const JSON_VALUE_LIMIT = 100_000;

/** A parsed value, or a problem that does not quote the text. */
export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string };

/** Parses a text whose length already has a bound. */
export function parseJson(text: string): ParsedJson {
  const problem = problemOf(text);
  if (problem !== null) return { ok: false, problem };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    // The error of JSON.parse quotes the text, which may contain a secret.
    return { ok: false, problem: 'is not JSON' };
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Counts levels and values without parsing. */
function problemOf(text: string): string | null {
  let depth = 0;
  let values = 1;
  for (let index = 0; index < text.length; index += 1) {
    switch (text.charCodeAt(index)) {
      case QUOTE:
        index = endOfString(text, index);
        break;
      case COMMA:
        values += 1;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth += 1;
        values += 1;
        if (depth > JSON_DEPTH_LIMIT) return `is JSON of more than ${JSON_DEPTH_LIMIT} levels`;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth -= 1;
        break;
    }
    if (values > JSON_VALUE_LIMIT) return `is JSON of more than ${JSON_VALUE_LIMIT} values`;
  }
  return null;
}

/** The index of the quote that ends the string which begins at `start`; the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === BACKSLASH) index += 1;
    else if (code === QUOTE) return index;
  }
  return text.length;
}

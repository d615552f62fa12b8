/**
 * The token that continues a list in pieces. It has the format of a real server, so that a client can write its own.
 */

import { isJsonObject } from '../objects/api-object.ts';
import { badRequest, type StatusBody, StatusError } from '../objects/status.ts';
import type { ListOptions } from './list-options.ts';

/** The position at which a list continues. */
export interface ContinueToken {
  /** The version at which the first piece was read; -1 for "the present version". */
  readonly revision: number;
  /** The first key of the next piece. */
  readonly start: string;
}

const TOKEN_VERSION = 'meta.k8s.io/v1';

/** Writes a token. */
export function writeContinueToken(token: ContinueToken): string {
  const text = JSON.stringify({ v: TOKEN_VERSION, rv: token.revision, start: token.start });
  return Buffer.from(text).toString('base64url');
}

/** Reads the token of a list. Throws 400. */
export function readContinueToken(options: ListOptions): ContinueToken {
  if (options.resourceVersion !== '' && options.resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  const bytes = Buffer.from(options.continueToken, 'base64url');
  const invalid = (why: string): Error => badRequest(`invalid continue token: continue key is not valid: ${why}`);
  let token: unknown;
  try {
    token = JSON.parse(bytes.toString('utf8'));
  } catch {
    const first = bytes[0];
    if (first === undefined) throw invalid('unexpected end of JSON input');
    const shown = first < 0x80 ? String.fromCharCode(first) : `\\x${first.toString(16)}`;
    throw invalid(`invalid character '${shown}' looking for beginning of value`);
  }
  if (!isJsonObject(token) || token['v'] !== TOKEN_VERSION)
    throw invalid('server does not recognize this encoded version');
  const revision = Number(token['rv']);
  const start = String(token['start'] ?? '');
  if (start === '' || !Number.isInteger(revision) || revision === 0) throw invalid('incorrect encoded start');
  return { revision, start };
}

/** 410: the earlier pieces are too old. The Status carries a token that continues without consistency (fact 17). */
export class ContinueExpiredError extends StatusError {
  override readonly body: StatusBody;

  constructor(token: ContinueToken) {
    super(
      410,
      'Expired',
      'The provided continue parameter is too old to display a consistent list result. You can start a new list ' +
        'without the continue parameter, or use the continue token in this response to retrieve the remainder of the ' +
        'results. Continuing with the provided token results in an inconsistent list - objects that were created, ' +
        'modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    );
    const expired: Omit<StatusBody, 'metadata'> = new StatusError(410, 'Expired', this.message).body;
    this.body = { ...expired, metadata: { continue: writeContinueToken({ revision: -1, start: token.start }) } };
  }
}

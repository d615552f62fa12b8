/** The reason why a watch left a stream, for the metrics. No rule depends on it. */

import type { RequestFailure } from '../core/request-failure.ts';
import type { Watched, WatchInput, WatchState } from '../core/watch.ts';

/** The reason why a list or another stream followed a stream. */
export type WatchRestartCause =
  /** The server ended it cleanly, as it does after some minutes. */
  | 'ended'
  /** The connection broke, or the server sent data that are not events. */
  | 'failed'
  /** 410: the server no longer has the events after the resume point. */
  | 'expired'
  /** The server refuses the watch: a permission or a token. */
  | 'refused'
  /** No message was received for so long that the connection is considered dead. */
  | 'silent'
  /** A list or a read contradicts the watch, or a renewal is overdue and the Lease cannot be read. */
  | 'contradicted';

/** The cause of a restart by this input; `null` when the stream continues, or was closed for good. */
export function restartCause<Item extends Watched>(
  before: WatchState,
  input: WatchInput<Item>,
  after: WatchState,
): WatchRestartCause | null {
  if (before.phase !== 'streaming' || after.phase === 'stopped') return null;
  if (after.phase === 'streaming' && after.stream === before.stream) return null;
  const cause = causeOfInput(input);
  // A stream that never opened is a failed request, and is counted as a request.
  return cause === 'failed' && !before.opened ? null : cause;
}

function causeOfInput<Item extends Watched>(input: WatchInput<Item>): WatchRestartCause {
  switch (input.type) {
    case 'ended':
      return input.failure === null ? 'ended' : causeOf(input.failure);
    case 'received':
      return input.event.type === 'error' ? causeOf(input.event.failure) : 'contradicted';
    case 'timerFired':
      return 'silent';
    default:
      return 'contradicted';
  }
}

function causeOf({ kind }: RequestFailure): WatchRestartCause {
  switch (kind) {
    case 'expired':
      return 'expired';
    case 'forbidden':
    case 'unauthorized':
    case 'rejected':
      return 'refused';
    default:
      return 'failed';
  }
}

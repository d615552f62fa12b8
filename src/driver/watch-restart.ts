/**
 * Why a watch left a stream, for the metrics. No rule depends on it.
 */

import type { RequestFailure } from '../core/request-failure.ts';
import type { Watched, WatchInput, WatchState } from '../core/watch.ts';

/** Why a stream was followed by a list or by another stream. */
export type WatchRestartCause =
  /** The server ended it in order, as it does after some minutes. */
  | 'ended'
  /** The connection broke, or the server sent something else than events. */
  | 'failed'
  /** 410: the server no longer has what came after the resume point. */
  | 'expired'
  /** The server refuses the watch: a permission or a token. */
  | 'refused'
  /** Nothing came for so long that the connection is taken for dead. */
  | 'silent'
  /** A list or a read contradicts it. */
  | 'contradicted';

/** The cause of a restart that this input brought about; `null` when the stream goes on, or was left for good. */
export function restartCause<Item extends Watched>(
  before: WatchState,
  input: WatchInput<Item>,
  after: WatchState,
): WatchRestartCause | null {
  if (before.phase !== 'streaming' || after.phase === 'stopped') return null;
  if (after.phase === 'streaming' && after.stream === before.stream) return null;
  const cause = causeOfInput(input);
  // It never opened: a request that failed, which counts as one, and no stream that was lost.
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

/**
 * The rules of a watch: list, resume from a resourceVersion, relist on 410, give up on silence.
 *
 * Pure. Opening streams and reading lines is the business of `kube/watch-stream.ts`.
 */

import type { RequestFailure } from './request-failure.ts';

/** One message of a watch stream. */
export type WatchEvent<Item> =
  | { readonly type: 'added' | 'modified' | 'deleted'; readonly item: Item }
  | { readonly type: 'bookmark'; readonly resourceVersion: string }
  | { readonly type: 'error'; readonly failure: RequestFailure };

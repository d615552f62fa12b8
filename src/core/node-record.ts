/**
 * What is known of the node of a Pod: news for people. No rule of the election sees it.
 */

/** A Node as the API server answered it. */
export interface NodeRecord {
  readonly name: string;
  /** The status of its condition `Ready`: `True`, `False`, `Unknown`, or `null` when none is reported. */
  readonly ready: string | null;
  readonly reason: string | null;
  /** When that condition last changed, by the clock of the control plane. */
  readonly readyChangedAtMs: number | null;
}

/**
 * The node of a Pod, for people. No rule of the election reads it.
 */

/** A Node as the API server returned it. */
export interface NodeRecord {
  readonly name: string;
  /** The status of its condition `Ready`: `True`, `False`, `Unknown`, or `null` when none is reported. */
  readonly ready: string | null;
  readonly reason: string | null;
  /** The moment at which that condition last changed, in milliseconds since 1970, by the clock of the control plane. */
  readonly readyChangedAtMs: number | null;
}

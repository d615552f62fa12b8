/**
 * Summaries of many measurements: the median, percentiles, and the average.
 */

/** The value below which a share (0 to 1) of the values lies; by nearest rank, so it is a measured value. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

/** The middle value: one slow run on a busy machine does not move it. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** The average; 0 when there is no value. */
export function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

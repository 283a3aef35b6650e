/** The middle of the samples, or of the two in the middle the lower one. */
export function medianOf(ms: readonly number[]): number {
  const ordered = [...ms].sort((a, b) => a - b);
  return ordered[Math.floor((ordered.length - 1) / 2)] ?? Number.POSITIVE_INFINITY;
}

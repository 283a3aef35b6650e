/** Numbers as people read them. */

export function milliseconds(ms: number): string {
  if (ms >= 100_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return ms === 0 || ms >= 1 ? `${ms.toPrecision(ms === 0 ? 1 : 3)} ms` : `${ms.toPrecision(2)} ms`;
}

export const errorFigure = (x: number): string =>
  x === 0 || !Number.isFinite(x)
    ? String(x)
    : x >= 0.01 && x < 100
      ? String(Number(x.toPrecision(2)))
      : x.toExponential(1);

/** Options in force, but functions: `causal=true`. */
export const optionsText = (options: Readonly<Record<string, unknown>>): string =>
  pairs(
    Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value !== 'string' && value !== false)),
  );

/** `B=1 H=4`. */
export const pairs = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');

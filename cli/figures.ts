/** Numbers as people read them. */

export function milliseconds(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${ms.toPrecision(2)} ms`;
}

const SCALES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Three significant digits with k, M or G. */
export function quantity(x: number): string {
  const [scale, letter] = SCALES.find(([s]) => x >= s) ?? [1, ''];
  return `${Number((x / scale).toPrecision(3))}${letter}`;
}

export const errorFigure = (x: number): string => (x === 0 || !Number.isFinite(x) ? String(x) : x.toExponential(1));

/** `B=1 H=4`. */
export const pairs = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');

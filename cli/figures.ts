/** Numbers as people read them. */

export function milliseconds(ms: number): string {
  if (ms >= 100_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`;
  if (ms >= 100) return `${ms.toFixed(0)} ms`;
  return ms === 0 || ms >= 1 ? `${ms.toPrecision(ms === 0 ? 1 : 3)} ms` : `${ms.toPrecision(2)} ms`;
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

/** A value of an output, short: seven digits are those of f32. */
export const decimal = (x: number): string => String(Number.isFinite(x) ? Number(x.toPrecision(7)) : x);

export const errorFigure = (x: number): string =>
  x === 0 || !Number.isFinite(x)
    ? String(x)
    : x >= 0.01 && x < 100
      ? String(Number(x.toPrecision(2)))
      : x.toExponential(1);

/** `B=1 H=4`. */
export const pairs = (record: Readonly<Record<string, unknown>>): string =>
  Object.entries(record)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');

export { errorFigure, milliseconds, optionsText, pairs } from '../reporting/figures.js';

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

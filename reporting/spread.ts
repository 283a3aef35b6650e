import * as Plot from '@observablehq/plot';
import { svgOf } from './svg.js';

/** A value that was measured, with the interval in which it lies. */
export interface Spread {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Shown in the second colour: the one that the reader looks for. */
  readonly marked?: boolean;
}

interface Axes {
  readonly title: string;
  readonly x: string;
}

const [PLAIN, MARKED] = ['#0072b2', '#d55e00'];

/** A line a name with its value as a dot and its interval as a bar, in the order in which they are given. For pages. */
export function spreadChart(spreads: readonly Spread[], { title, x }: Axes): string {
  const colour = (s: Spread): string => (s.marked === true ? MARKED : PLAIN);
  const widest = Math.max(0, ...spreads.map((s) => s.name.length));
  return svgOf(
    title,
    {
      width: 900,
      height: 60 + 18 * spreads.length,
      marginLeft: Math.min(420, 25 + 7.5 * widest),
      marginRight: 30,
      x: { label: x, grid: true, axis: 'top', zero: true },
      y: { label: null, domain: spreads.map((s) => s.name), tickSize: 0 },
      marks: [
        Plot.ruleY(spreads, { y: 'name', x1: 'low', x2: 'high', stroke: colour, strokeWidth: 3, strokeOpacity: 0.45 }),
        Plot.dot(spreads, { y: 'name', x: 'value', fill: colour, r: 3.5 }),
      ],
    },
    'page',
  );
}

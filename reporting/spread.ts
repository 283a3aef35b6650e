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

/** Values so far apart are shown on a logarithmic axis: on a linear one those that count would be one dot. */
const FAR = 12;
/** A linear axis ends at so many times the largest value: one long interval hides no other. */
const BEYOND = 1.6;

/**
 * A line a name with its value as a dot and its interval as a bar, in the order in which they are given. An interval that
 * leaves the chart is cut there, with an arrow. For pages.
 */
export function spreadChart(spreads: readonly Spread[], { title, x }: Axes): string {
  const colour = (s: Spread): string => (s.marked === true ? MARKED : PLAIN);
  const widest = Math.max(0, ...spreads.map((s) => s.name.length));
  const [from, to] = [Math.min(...spreads.map((s) => s.value)), Math.max(...spreads.map((s) => s.value))];
  const isFar = from > 0 && to > FAR * from;
  const least = isFar ? Math.max(Math.min(...spreads.map((s) => s.low)), from / BEYOND) : 0;
  const most = Math.min(Math.max(...spreads.map((s) => s.high)), BEYOND * to);
  const shown = spreads.map((s) => ({ ...s, low: Math.max(s.low, least), high: Math.min(s.high, most) }));
  const cut = spreads.filter((s) => s.high > most);
  return svgOf(
    title,
    {
      width: 900,
      height: 60 + 18 * spreads.length,
      marginLeft: Math.min(420, 25 + 7.5 * widest),
      marginRight: 30,
      x: {
        ...{ label: x, grid: true, axis: 'top', domain: [least, most] },
        ...(isFar ? { type: 'log' as const, tickFormat: plain } : {}),
      },
      y: { label: null, domain: spreads.map((s) => s.name), tickSize: 0 },
      marks: [
        Plot.ruleY(shown, { y: 'name', x1: 'low', x2: 'high', stroke: colour, strokeWidth: 3, strokeOpacity: 0.45 }),
        Plot.dot(cut, { y: 'name', x: () => most, symbol: 'triangle', rotate: 90, r: 3.5, fill: colour }),
        Plot.dot(spreads, { y: 'name', x: 'value', fill: colour, r: 3.5 }),
      ],
    },
    'page',
  );
}

const plain = (x: number): string => String(Number(x.toPrecision(2)));

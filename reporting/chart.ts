import * as Plot from '@observablehq/plot';
import { svgOf } from './svg.js';

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

interface Axes {
  readonly title: string;
  readonly x: string;
  readonly y: string;
}

/** Tokens as they are spoken of: 1k, 256k, 1M. */
export const tokensText = (n: number): string => {
  if (n >= 2 ** 20) return `${n / 2 ** 20}M`;
  return n >= 1024 ? `${n / 1024}k` : String(n);
};

const plain = (y: number): string => String(Number(y.toPrecision(2)));

/** Lines over powers of two; `log`: their heights too. */
export function lineChart(series: readonly Series[], { title, x, y }: Axes, log: boolean): string {
  const points = series.flatMap(({ name, points }) => points.map((p) => ({ ...p, name })));
  const xs = [...new Set(points.map((p) => p.x))];
  // Within two octaves no two powers of two need to lie: the points themselves are named.
  const isNarrow = xs.length > 0 && Math.max(...xs) < 4 * Math.min(...xs);
  const names = series.map(({ name }, i) =>
    Plot.text([name], { ...{ frameAnchor: 'top-right', textAnchor: 'start', dx: 12, dy: 18 * i }, fill: () => name }),
  );
  return svgOf(title, {
    width: 760,
    height: 420,
    marginRight: 170,
    marginTop: 30,
    marginLeft: 60,
    x: { type: 'log', base: 2, label: x, tickFormat: tokensText, ...(isNarrow ? { ticks: xs } : {}) },
    y: { ...(log ? { type: 'log' as const } : { zero: true }), label: y, grid: true, tickFormat: plain },
    color: { domain: series.map(({ name }) => name) },
    marks: [Plot.line(points, { x: 'x', y: 'y', stroke: 'name', marker: 'dot' }), ...names],
  });
}

export interface Bar {
  readonly group: string;
  readonly name: string;
  readonly y: number;
}

/** Bars in groups, in the order in which they are given. */
export function barChart(bars: readonly Bar[], { title, x, y }: Axes): string {
  const names = [...new Set(bars.map((b) => b.name))];
  return svgOf(title, {
    width: 760,
    height: 380,
    marginTop: 30,
    marginBottom: 60,
    fx: { label: x, domain: [...new Set(bars.map((b) => b.group))] },
    x: { axis: null, domain: names },
    y: { label: y, grid: true },
    color: { domain: names },
    marks: [
      Plot.barY(bars, { fx: 'group', x: 'name', y: 'y', fill: 'name' }),
      Plot.text(bars, { fx: 'group', x: 'name', y: 'y', text: 'name', dy: -6, fontSize: 9 }),
      Plot.ruleY([0]),
    ],
  });
}

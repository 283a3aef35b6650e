import * as Plot from '@observablehq/plot';
import { svgOf } from './svg.js';

/** One axis of parallel coordinates: what stands on it, from the bottom up. */
export interface Axis {
  readonly name: string;
  readonly values: readonly number[];
}

/** A line over all axes, and what colours it: small is good. */
export interface Course {
  readonly at: Readonly<Record<string, number>>;
  readonly value: number;
}

interface Point {
  readonly axis: string;
  readonly height: number;
  readonly value: number;
  readonly line: number;
}

/** From good to bad; both are seen on light and on dark pages. */
const RANGE = ['#0072b2', '#b9b9b9', '#d55e00'];

/** The last axis is the value itself, logarithmic. */
const LAST_TICKS = 5;

/** Parallel coordinates: good courses are drawn last, and thicker. For pages. */
export function parallelChart(axes: readonly Axis[], courses: readonly Course[], title: string, last: string): string {
  const values = courses.map((c) => Math.log(c.value));
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const share = (v: number): number => (most === least ? 0.5 : (v - least) / (most - least));
  const worstFirst = [...courses].sort((a, b) => b.value - a.value);
  const points = worstFirst.flatMap((course, line): Point[] => {
    const value = share(Math.log(course.value));
    const at = axes.map(({ name, values }) => ({
      axis: name,
      height: heightOf(values, course.at[name] ?? Number.NaN),
      value,
      line,
    }));
    return [...at, { axis: last, height: value, value, line }];
  });
  const ends = most === least ? 1 : LAST_TICKS;
  const ticks = Array.from({ length: courses.length === 0 ? 0 : ends }, (_, i) => {
    const height = ends === 1 ? 0.5 : i / (ends - 1);
    return { axis: last, height, text: short(Math.exp(least + height * (most - least))) };
  });
  const labels = axes.flatMap(({ name, values }) =>
    values.map((value) => ({ axis: name, height: heightOf(values, value), text: String(value) })),
  );
  const names = [...axes.map((a) => a.name), last];
  return svgOf(
    title,
    {
      width: 900,
      height: 360,
      marginLeft: 40,
      marginRight: 70,
      marginTop: 30,
      marginBottom: 15,
      x: { type: 'point', domain: names, axis: 'top', label: null, tickSize: 0 },
      y: { axis: null, domain: [0, 1] },
      color: { type: 'linear', domain: [0, 0.5, 1], range: RANGE },
      marks: [
        Plot.ruleX(names, { strokeOpacity: 0.3 }),
        Plot.line(points, {
          x: 'axis',
          y: 'height',
          z: 'line',
          stroke: 'value',
          strokeWidth: width,
          strokeOpacity: 0.75,
        }),
        Plot.text([...labels, ...ticks], { x: 'axis', y: 'height', text: 'text', dx: 6, textAnchor: 'start', ...HALO }),
      ],
    },
    'page',
  );
}

const HALO = { stroke: 'var(--plot-background)', strokeWidth: 4, fill: 'currentColor' };

const width = ({ value }: Point): number => 0.8 + 2 * (1 - value) ** 6;

/** Values stand at equal distances: block sizes are powers of two, options are 0 and 1. */
const heightOf = (values: readonly number[], value: number): number =>
  values.length < 2 ? 0.5 : values.indexOf(value) / (values.length - 1);

const short = (x: number): string => String(Number(x.toPrecision(3)));

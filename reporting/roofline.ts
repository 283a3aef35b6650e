import * as Plot from '@observablehq/plot';
import { svgOf } from './svg.js';

/** What a device can do at most. `source` says, for people, where the numbers are from. */
export interface Ceilings {
  readonly bytesPerSecond: number;
  readonly roofs: readonly { readonly name: string; readonly flopsPerSecond: number }[];
  readonly source: string;
}

/** Work of one launch, and how long it took. */
export interface WorkPoint {
  readonly name: string;
  readonly flops: number;
  readonly bytes: number;
  readonly ms: number;
  readonly marked?: boolean;
}

const [PLAIN, MARKED] = ['#0072b2', '#d55e00'];

/** TFLOP/s, or GFLOP/s, over FLOP per byte, both logarithmic, under the ceilings of the device. For pages. */
export function rooflineChart(points: readonly WorkPoint[], ceilings: Ceilings, title: string): string {
  const [unit, scale] = ceilings.roofs.some((r) => r.flopsPerSecond >= 1e12) ? ['T', 1e12] : ['G', 1e9];
  const dots = points.map((p) => ({
    x: p.flops / p.bytes,
    y: speed(p) / scale,
    colour: p.marked === true ? MARKED : PLAIN,
  }));
  const bandwidth = ceilings.bytesPerSecond / scale;
  const roofs = ceilings.roofs.map(({ name, flopsPerSecond }) => ({ name, y: flopsPerSecond / scale }));
  const highest = Math.max(...roofs.map((r) => r.y));
  const ridges = roofs.map(({ y }) => y / bandwidth);
  const [left, right] = around([...dots.map((d) => d.x), ...ridges]);
  const lowest = Math.min(left * bandwidth, ...dots.map((d) => d.y)) / 2;
  const slope = [left, highest / bandwidth].map((x) => ({ x, y: x * bandwidth }));
  const flat = roofs.flatMap(({ name, y }) => [y / bandwidth, right].map((x) => ({ x, y, name })));
  return svgOf(
    title,
    {
      width: 900,
      height: 420,
      marginLeft: 60,
      marginRight: 30,
      marginTop: 30,
      marginBottom: 45,
      x: { type: 'log', domain: [left, right], label: 'FLOP per byte', grid: true, tickFormat: short },
      y: { type: 'log', domain: [lowest, highest * 2], label: `${unit}FLOP/s`, grid: true, tickFormat: short },
      marks: [
        Plot.line(slope, { x: 'x', y: 'y', strokeWidth: 1.5 }),
        Plot.line(flat, { x: 'x', y: 'y', z: 'name', strokeWidth: 1.5 }),
        Plot.text(roofs, {
          x: () => right,
          y: 'y',
          text: (r: Roof) => `${r.name}, ${short(r.y)} ${unit}FLOP/s`,
          textAnchor: 'end',
          dy: -8,
        }),
        Plot.text([{ x: left, y: left * bandwidth }], {
          ...{ x: 'x', y: 'y', text: () => `memory, ${short(bandwidth)} ${unit}B/s` },
          ...{ textAnchor: 'start', dx: 12, dy: 14 },
        }),
        Plot.dot(dots, { x: 'x', y: 'y', fill: 'colour', r: 3.5, fillOpacity: 0.8 }),
      ],
    },
    'page',
  );
}

interface Roof {
  readonly name: string;
  readonly y: number;
}

const speed = ({ flops, ms }: WorkPoint): number => flops / (ms / 1000);

/** A little more than what is shown, to both sides. */
const around = (xs: readonly number[]): readonly [number, number] => [Math.min(...xs) / 4, Math.max(...xs) * 8];

const short = (x: number): string => String(Number(x.toPrecision(3)));

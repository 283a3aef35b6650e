import { barChart } from '../../reporting/chart.js';
import { digits, table } from '../table.js';
import type { Measurements, Part, SharePoint } from './measurements.js';
import { groupBy, NOTE, type Page, placeText, slug, sourceText } from './page.js';

const PARTS: readonly Part[] = ['neither', 'intra', 'inter', 'both'];

const bytesOf = (dtype: string): number => (dtype === 'f32' ? 4 : 2);

/** How the time is shared between the products inside of chunks and the state between them. */
export function sharesPage(all: readonly Measurements[]): Page {
  const svgs: Record<string, string> = {};
  const parts = all.flatMap((measured) => {
    const groups = groupBy(measured.shares ?? [], (p) => `B*H=${p.heads} N=${p.N} D=${p.D}`);
    const whole = [...groups].filter(([, points]) => points.some((p) => p.part === 'both'));
    return whole.map(([name, points]) => section(name, points, measured, svgs));
  });
  const markdown = [
    NOTE,
    '# Inside of chunks, and between them',
    'Lightning forward with its parts left out ([ablation.ts](../../bench/reports/ablation.ts)): `intra` keeps the masked ' +
      'products inside a chunk, `inter` the state, `neither` reads q, k, v and writes their sum. `GB/s` counts q, k, v and o ' +
      'once each over the time of `both`: near the bandwidth of the device nothing is left to save, and a part that is taken ' +
      'away saves nothing, since loads, products and stores of different chunks run at once. So the bars of `intra` and ' +
      '`inter` do not add up to `both`. `neither` is not the least: without products its chunks have no tiles that are read ' +
      'ahead for a matrix unit. Missing bars do not fit the device.',
    ...parts,
  ];
  return { name: 'shares', markdown: `${markdown.join('\n\n')}\n`, svgs };
}

function section(
  name: string,
  points: readonly SharePoint[],
  measured: Measurements,
  svgs: Record<string, string>,
): string {
  const sizes = [...new Set(points.map((p) => p.C))].sort((a, b) => a - b);
  const of = (C: number, part: Part): number | undefined => points.find((p) => p.C === C && p.part === part)?.ms;
  const bars = sizes.flatMap((C) =>
    PARTS.flatMap((part) => {
      const y = of(C, part);
      return y === undefined ? [] : [{ group: `C=${C}`, name: part, y }];
    }),
  );
  const place = placeText(measured);
  const file = `shares-${slug(`${place} ${name}`)}.svg`;
  svgs[file] = barChart(bars, { title: `${name}, ${place}`, x: 'tokens of a chunk', y: 'ms' });
  const text = (ms: number | undefined): string => (ms === undefined ? '' : digits(ms));
  const bytes = points[0] === undefined ? 0 : 4 * points[0].heads * points[0].N * points[0].D * bytesOf(measured.dtype);
  const speed = (C: number): string => {
    const ms = of(C, 'both');
    return ms === undefined ? '' : (bytes / ms / 1e6).toFixed(0);
  };
  const more = (C: number, part: Part): string => {
    const [both, other] = [of(C, 'both'), of(C, part)];
    return both === undefined || other === undefined ? '' : `${((1 - other / both) * 100).toFixed(0)} %`;
  };
  return [
    `## ${name}, ${place}`,
    sourceText(measured),
    `![time of the parts](${file})`,
    table(
      ['C', ...PARTS.map((p) => `${p}, ms`), 'both, GB/s', 'saved without intra', 'saved without inter'],
      sizes.map((C) => [C, ...PARTS.map((p) => text(of(C, p))), speed(C), more(C, 'inter'), more(C, 'intra')]),
    ),
  ].join('\n\n');
}

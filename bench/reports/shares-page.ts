import { barChart } from '../../reporting/chart.js';
import { digits, table } from '../table.js';
import type { Measurements, Part, SharePoint } from './measurements.js';
import { groupBy, NOTE, type Page, slug, sourceText } from './page.js';

const PARTS: readonly Part[] = ['neither', 'intra', 'inter', 'both'];

/** How the time is shared between the products inside of chunks and the state between them. */
export function sharesPage(all: readonly Measurements[]): Page {
  const svgs: Record<string, string> = {};
  const parts = all.flatMap((measured) => {
    const groups = groupBy(measured.shares ?? [], (p) => `B*H=${p.heads} N=${p.N} D=${p.D}`);
    return [...groups].map(([name, points]) => section(name, points, measured, svgs));
  });
  const markdown = [
    NOTE,
    '# Inside of chunks, and between them',
    'Lightning forward with its parts left out ([ablation.ts](../../bench/reports/ablation.ts)): `intra` keeps the masked ' +
      'products inside a chunk, `inter` the state, `neither` reads q, k, v and writes their sum. What the parts cost is ' +
      'more than what is left when one is taken away: loads, products and stores of different chunks run at once. So the ' +
      'bars of `intra` and `inter` do not add up to `both`; where both are as high as `neither`, memory decides.',
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
  const file = `shares-${slug(`${measured.device} ${name}`)}.svg`;
  svgs[file] = barChart(bars, { title: `${name}, ${measured.device}`, x: 'tokens of a chunk', y: 'ms' });
  const text = (ms: number | undefined): string => (ms === undefined ? '' : digits(ms));
  const more = (C: number, part: Part): string => {
    const [both, other] = [of(C, 'both'), of(C, part)];
    return both === undefined || other === undefined ? '' : `${((1 - other / both) * 100).toFixed(0)} %`;
  };
  return [
    `## ${name}, ${measured.device}`,
    sourceText(measured),
    `![time of the parts](${file})`,
    table(
      ['C', ...PARTS.map((p) => `${p}, ms`), 'saved without intra', 'saved without inter'],
      sizes.map((C) => [C, ...PARTS.map((p) => text(of(C, p))), more(C, 'inter'), more(C, 'intra')]),
    ),
  ].join('\n\n');
}

import { barChart } from '../../reporting/chart.js';
import { digits, table } from '../table.js';
import type { BlockPoint, Measurements } from './measurements.js';
import { groupBy, NOTE, type Page, placeText, slug, sourceText } from './page.js';

const configText = ({ C, BE, warps }: BlockPoint['config']): string => `C=${C} BE=${BE} warps=${warps}`;

/** Which block sizes are best, by head dimension, length, number of heads and device. */
export function blocksPage(all: readonly Measurements[]): Page {
  const svgs: Record<string, string> = {};
  const parts = all.flatMap((measured) => {
    const shapes = groupBy(measured.blocks ?? [], (p) => `B*H=${p.heads} N=${p.N}`);
    return shapes.size === 0 ? [] : [deviceSection(measured, shapes, svgs)];
  });
  const markdown = [
    NOTE,
    '# The best block size',
    'Lightning forward in one launch (G=1, two stages) in every block size that the device takes: C tokens of a chunk, BE ' +
      'columns of v for a program, warps of a program. `worse` says how much slower the others are: where the second best is ' +
      'near, a wrong guess costs little.',
    ...parts,
  ];
  return { name: 'blocks', markdown: `${markdown.join('\n\n')}\n`, svgs };
}

function deviceSection(
  measured: Measurements,
  shapes: Map<string, BlockPoint[]>,
  svgs: Record<string, string>,
): string {
  const rows: (string | number)[][] = [];
  const pictures: string[] = [];
  for (const [name, points] of shapes) {
    for (const [D, here] of groupBy(points, (p) => String(p.D))) rows.push([name, D, ...standing(here)]);
    const file = `blocks-${slug(`${placeText(measured)} ${name}`)}.svg`;
    svgs[file] = barChart(bestBySize(points), {
      title: `${name}, ${placeText(measured)}: best of each C, relative to the best of all`,
      x: 'head dimension',
      y: 'time / best time',
    });
    pictures.push(`![best of each chunk size, ${name}](${file})`);
  }
  const head = ['shape', 'D', 'best', 'ms', 'second best', 'worse', 'slowest', 'worse'];
  return [`## ${placeText(measured)}`, sourceText(measured), table(head, rows), ...pictures].join('\n\n');
}

function standing(points: readonly BlockPoint[]): (string | number)[] {
  const sorted = [...points].sort((a, b) => a.ms - b.ms);
  const [best, second, slowest] = [sorted[0], sorted[1], sorted[sorted.length - 1]];
  if (best === undefined) return ['', '', '', '', '', ''];
  const against = (p: BlockPoint | undefined): string[] =>
    p === undefined ? ['', ''] : [configText(p.config), `${((p.ms / best.ms - 1) * 100).toFixed(0)} %`];
  return [configText(best.config), digits(best.ms), ...against(second), ...against(slowest)];
}

/** Of each head dimension the best time of every chunk size, relative to the best of all. */
function bestBySize(points: readonly BlockPoint[]) {
  const byD = [...groupBy(points, (p) => String(p.D))].sort(([a], [b]) => Number(a) - Number(b));
  const sizes = [...new Set(points.map((p) => p.config.C ?? 0))].sort((a, b) => a - b);
  return byD.flatMap(([D, here]) => {
    const best = Math.min(...here.map((p) => p.ms));
    return sizes.flatMap((C) => {
      const own = here.filter((p) => p.config.C === C).map((p) => p.ms);
      return own.length === 0 ? [] : [{ group: `D=${D}`, name: `C=${C}`, y: Math.min(...own) / best }];
    });
  });
}

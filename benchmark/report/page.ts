import { lineChart, type Series } from '../../reporting/chart.js';
import { figure, type Html, heading, note, page, paragraph, table } from '../../reporting/page.js';
import { rooflineChart } from '../../reporting/roofline.js';
import type { BenchRun, Ceilings } from '../types.js';
import { isTimed, type Point } from '../types.js';
import { ceilingsText, type Section, sectionsOf, sizeAt, sweptName, tableOf } from './rows.js';

/** The whole run as one file: tables, times over each dimension that was swept, and the roofline. */
export function pageOf(run: BenchRun): Html {
  const ceilings = ceilingsText(run);
  const intro = paragraph(`On ${run.device}, ${run.date.slice(0, 10)}.`);
  const sections = sectionsOf(run).flatMap((section) => sectionOf(section, run.ceilings));
  const closing = [...(ceilings === '' ? [] : [`Roofline, measured by kernels of lac: ${ceilings}.`]), ...run.notes];
  return page(`Benchmark: ${kernelsOf(run)}`, [intro, ...sections, ...closing.map(note)]);
}

const kernelsOf = ({ points }: BenchRun): string => [...new Set(points.map((p) => p.kernel))].join(', ');

function sectionOf(section: Section, ceilings: Ceilings): Html[] {
  const { columns, rows } = tableOf(section);
  return [
    heading(section.title),
    ...(section.fixed === '' ? [] : [paragraph(section.fixed)]),
    ...sweepCharts(section),
    ...roofline(section, ceilings),
    table(columns, rows),
  ];
}

/** A chart for each dimension that was swept; points of one place in all others make a line. */
function sweepCharts({ swept, points }: Section): Html[] {
  return swept.flatMap((names) => {
    const series = seriesOver(names, swept, points);
    if (series.every((s) => s.points.length < 2)) return [];
    const name = sweptName(names);
    const chart = lineChart(series, { title: `Time over ${name}`, x: name, y: 'ms' }, true);
    return [figure(chart, `Median time of a launch over ${name}.`)];
  });
}

function seriesOver(names: readonly string[], swept: Section['swept'], points: readonly Point[]): Series[] {
  const lines = new Map<string, { x: number; y: number }[]>();
  const others = swept.filter((other) => other !== names && !follows(other, names, points));
  for (const point of points)
    for (const entry of point.entries) {
      const x = sizeAt(point, names);
      if (!isTimed(entry) || x <= 0 || entry.time.medianMs <= 0) continue;
      const label = [entry.name, ...others.map((other) => `${sweptName(other)}=${sizeAt(point, other)}`)].join(' ');
      lines.set(label, [...(lines.get(label) ?? []), { x, y: entry.time.medianMs }]);
    }
  return [...lines].map(([name, at]) => ({ name, points: at.sort((a, b) => a.x - b.x) }));
}

/** Whether a size is the same wherever another one is: twice as large, say. */
function follows(size: readonly string[], other: readonly string[], points: readonly Point[]): boolean {
  const seen = new Map(points.map((point) => [sizeAt(point, other), sizeAt(point, size)]));
  return points.every((point) => seen.get(sizeAt(point, other)) === sizeAt(point, size));
}

function roofline({ points }: Section, ceilings: Ceilings): Html[] {
  const { copy, ...arithmetic } = ceilings;
  const roofs = Object.entries(arithmetic).map(([name, c]) => ({ name, flopsPerSecond: c.perSecond }));
  const dots = points.flatMap(({ work, entries }) =>
    entries.flatMap((entry) => {
      if (!isTimed(entry) || work.flops === null || work.flops === 0 || work.bytes === 0) return [];
      const { medianMs: ms } = entry.time;
      return ms > 0
        ? [{ name: entry.name, flops: work.flops, bytes: work.bytes, ms, marked: entry.role === 'kernel' }]
        : [];
    }),
  );
  if (copy === undefined || roofs.length === 0 || dots.length === 0) return [];
  const source = 'measured by kernels of lac';
  const chart = rooflineChart(dots, { bytesPerSecond: copy.perSecond, roofs, source }, 'Roofline');
  return [figure(chart, `Every point under the ceilings of the device, ${source}; the kernel is orange.`)];
}

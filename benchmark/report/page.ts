import { lineChart, type Series } from '../../reporting/chart.js';
import { figure, type Html, heading, note, page, paragraph, table } from '../../reporting/page.js';
import { rooflineChart } from '../../reporting/roofline.js';
import type { BenchRun, Ceilings } from '../types.js';
import { isTimed, type Point } from '../types.js';
import { ceilingsText, type Section, sectionsOf, tableOf } from './rows.js';

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

/** A chart for each dimension that was swept; those of one place in all others belong together. */
function sweepCharts({ swept, points }: Section): Html[] {
  return swept.flatMap((name) => {
    const series = seriesOver(name, swept, points);
    if (series.every((s) => s.points.length < 2)) return [];
    const chart = lineChart(series, { title: `Time over ${name}`, x: name, y: 'ms' }, true);
    return [figure(chart, `Median time of a launch over ${name}.`)];
  });
}

function seriesOver(name: string, swept: readonly string[], points: readonly Point[]): Series[] {
  const lines = new Map<string, { x: number; y: number }[]>();
  for (const { dims, entries } of points)
    for (const entry of entries) {
      const x = dims[name] ?? 0;
      if (!isTimed(entry) || x <= 0 || entry.time.medianMs <= 0) continue;
      const others = swept.filter((other) => other !== name).map((other) => `${other}=${dims[other]}`);
      const label = [entry.name, ...others].join(' ');
      lines.set(label, [...(lines.get(label) ?? []), { x, y: entry.time.medianMs }]);
    }
  return [...lines].map(([label, at]) => ({ name: label, points: at.sort((a, b) => a.x - b.x) }));
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

import { barChart } from '../../reporting/chart.js';
import { groupBy, type Page, slug } from '../reports/page.js';
import { digits, table } from '../table.js';
import type { BlockMeasurements, CasePoints } from './measurements.js';
import { lossOf, type Pick, picks, timedAt } from './rule.js';

const NOTE = '<!-- Written by `node dist/bench/reports/main.js` from bench/blocks/data. -->';

const place = ({ device, api }: BlockMeasurements): string => `${device}, ${api}`;

const percent = (x: number): string => `${(x * 100).toFixed(1)} %`;

/** `64x128 8w 2s 4g`: tokens by columns, warps, stages where not 2, parts where not 1. */
function configText(config: Readonly<Record<string, number>>): string {
  const { C, BE, BD, warps, stages, G = 1 } = config;
  const columns = BE ?? BD;
  const block = columns === undefined ? `${C}` : `${C}x${columns}`;
  return `${block} ${warps}w${stages === 2 ? '' : ` ${stages}s`}${G === 1 ? '' : ` ${G}g`}`;
}

const INTRODUCTION = `The papers on Lightning Attention leave open how to choose B, the tokens of a block. Here it is measured: every block
size that a device takes, for the forward pass and the kernels of the backward pass, over head dimensions, lengths, numbers
of heads and dtypes. Blocks are written \`64x128 8w\`: C = 64 tokens of a chunk by 128 columns of the state that a program keeps, 8
warps of a program; \`1s\` where loads are not pipelined in two stages, \`4g\` where a sequence is shared by 4 programs.`;

const RULE = `## The rule

1. **Columns first.** A program takes as many columns of the state as there are, at most 128: every column block reads q and
   k anew. With few heads it takes half of them, and half again, until there are programs for a third of the multiprocessors,
   but no fewer than 16.
2. **Then tokens.** C = 8192 / D, at most 64: 64 tokens for heads of 128 and 32 for heads of 256. What a chunk costs beyond its
   products (the wait for its loads, the state that is scaled and rounded) is shared by its tokens; what lies between tokens
   of a chunk grows with C. Where all programs run at once (at most two for a multiprocessor, whole heads), nobody else fills
   the waits, and C may be 128.
3. **Then warps.** One for 512 elements of a chunk by columns, from 4 to 8; on a CPU 2, since each invocation of a program
   costs alike.
4. Two stages. Parts of a sequence only where heads are few, see [lengths](lengths.md).

This is what the kernels declare as \`prefer\` ([blocks.ts](../../kernels/lightning/blocks.ts)): where nothing was tuned, the
configuration nearest to the rule that fits the device is taken.`;

/** Guidelines on block sizes from what was measured, and how far they are from the best. */
export function blockSizesPage(all: readonly BlockMeasurements[]): Page {
  const svgs: Record<string, string> = {};
  const markdown = [
    NOTE,
    '# The best block size',
    INTRODUCTION,
    RULE,
    '## How good it is',
    'How much slower the declared default is than the best configuration that was found, over all points of the grid: no rows of a tune file, nothing cached.',
    losses(all),
    worst(all),
    ...all.map((measured) => deviceSection(measured, svgs)),
  ];
  return { name: 'block-sizes', markdown: `${markdown.join('\n\n')}\n`, svgs };
}

function losses(all: readonly BlockMeasurements[]): string {
  const rows = all.flatMap((measured) => {
    const groups = groupBy(picks(measured), ({ of }) => `${of.kernel} ${of.dtype}`);
    const found = picks(measured);
    return [
      ...[...groups].map(([name, own]) => summary(measured.api, name, own)),
      summary(place(measured), 'all', found),
    ];
  });
  return table(['device', 'kernel', 'points', 'mean', 'worst', 'within 5 %'], rows);
}

function summary(device: string, name: string, list: readonly Pick[]): (string | number)[] {
  const known = list.flatMap((p) => lossOf(p) ?? []);
  const mean = known.reduce((sum, x) => sum + x, 0) / Math.max(1, known.length);
  const near = known.filter((x) => x <= 0.05).length;
  return [device, name, known.length, percent(mean), percent(Math.max(0, ...known)), `${near} of ${known.length}`];
}

const MOST_WORST = 8;

function worst(all: readonly BlockMeasurements[]): string {
  const points = all.flatMap((measured) =>
    picks(measured).flatMap((p) => {
      const loss = lossOf(p);
      return loss === null || loss <= 0.05 ? [] : [{ loss, p, measured }];
    }),
  );
  if (points.length === 0) return '';
  const rows = points
    .sort((a, b) => b.loss - a.loss)
    .slice(0, MOST_WORST)
    .map(({ loss, p, measured }) => [
      measured.api,
      `${p.of.kernel} ${p.of.dtype} D=${p.of.D}`,
      `${p.shape.heads} x ${p.shape.N}`,
      p.taken === null ? '' : configText(p.taken.config),
      configText(p.best.config),
      percent(loss),
    ]);
  return `Where it is farthest off:\n\n${table(['device', 'kernel', 'heads x tokens', 'rule', 'best', 'slower by'], rows)}`;
}

function deviceSection(measured: BlockMeasurements, svgs: Record<string, string>): string {
  const name = place(measured);
  const parts = [`## ${name}`, `${measured.date}${measured.commit === '' ? '' : `, commit ${measured.commit}`}`];
  for (const [kernel, cases] of groupBy(measured.cases, (c) => `${c.kernel} ${c.dtype}`)) {
    const shapes = cases[0]?.shapes ?? [];
    const head = ['D', ...shapes.map(({ heads, N }) => `${heads} heads x ${N}`)];
    const sorted = [...cases].sort((a, b) => a.D - b.D);
    const rows = sorted.map((of) => [of.D, ...shapes.map((_, at) => bestText(of, at))]);
    parts.push(
      `### ${kernel}`,
      `Best blocks and milliseconds:`,
      table(head, rows),
      ...charts(name, kernel, sorted, svgs),
    );
  }
  return parts.join('\n\n');
}

function bestText(of: CasePoints, at: number): string {
  const [best] = timedAt(of, at);
  return best === undefined ? '' : `${configText(best.config)}: ${digits(best.ms)}`;
}

/** Forward passes are drawn: by tokens of a chunk at the first shape, and by columns over shapes at D = 128. */
function charts(device: string, kernel: string, cases: readonly CasePoints[], svgs: Record<string, string>): string[] {
  const [first] = cases;
  if (first?.kernel !== 'lightningFwd') return [];
  const shape = first.shapes[0];
  if (shape === undefined) return [];
  const tokens = cases.flatMap((of) => relative(of, 0, 'C').map((bar) => ({ ...bar, group: `D=${of.D}` })));
  const wide = cases.find((of) => of.D === 128) ?? first;
  const columns = wide.shapes.flatMap(({ heads, N }, at) =>
    relative(wide, at, 'BE').map((bar) => ({ ...bar, group: `${heads} x ${N}` })),
  );
  const y = 'time / best time';
  const [byTokens, byColumns] = [
    `blocks-${slug(`${device} ${kernel}`)}-c.svg`,
    `blocks-${slug(`${device} ${kernel}`)}-be.svg`,
  ];
  svgs[byTokens] = barChart(tokens, {
    title: `${kernel}, ${device}: best of each C, ${shape.heads} heads x ${shape.N}`,
    x: 'head dimension',
    y,
  });
  svgs[byColumns] = barChart(columns, {
    title: `${kernel}, ${device}: best of each BE, D=${wide.D}`,
    x: 'heads x tokens',
    y,
  });
  return [
    `The best of each number of tokens, ${shape.heads} heads of ${shape.N} tokens, and of each number of columns, D = ${wide.D}, relative to the best of all:`,
    `![best of each number of tokens](${byTokens})`,
    `![best of each number of columns](${byColumns})`,
  ];
}

/** Bars beyond this are cut off: what is so far behind needs no figure. */
const HIGHEST = 3;

/** The best time of each value of a knob, relative to the best of all. */
function relative(of: CasePoints, at: number, knob: string): { name: string; y: number }[] {
  const timed = timedAt(of, at);
  const best = timed[0]?.ms ?? 1;
  const values = [...new Set(timed.map(({ config }) => config[knob] ?? 0))].sort((a, b) => a - b);
  return values.map((value) => {
    const own = timed.filter(({ config }) => config[knob] === value).map(({ ms }) => ms);
    return { name: `${knob}=${value}`, y: Math.min(HIGHEST, Math.min(...own) / best) };
  });
}

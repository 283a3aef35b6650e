import { barChart } from '../../reporting/chart.js';
import { groupBy, type Page, slug } from '../reports/page.js';
import { digits, table } from '../table.js';
import { casesOf } from './grid.js';
import type { BlockMeasurements, CasePoints } from './measurements.js';
import type { Case } from './problem.js';
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

1. **Occupy the device.** A program takes all columns of the state, at most 128, as long as there are programs for every
   multiprocessor; each halving of the columns doubles the programs, and reads q and k once more. Of f32 the state has at most 16,384
   elements: 128 columns for heads of 128, 64 for heads of 256.
   Few heads, at most 128 wide, with long sequences are better cut along the sequence: blocks of 64 columns (f32: 32), and as many
   parts as occupy the device; f32 only where half of the columns do not.
2. **Tokens: B = 64** for 16-bit inputs, 32 for f32. Twice as many where a sequence is cut in parts, and for 16 bits wherever a program
   has its multiprocessor almost to itself and heads are at most 64 wide: nobody else fills the waits between chunks. Half as many
   where thousands of short narrow heads wait in line, and beside the largest state of f32.
   Where registers or shared memory do not suffice (16 bits, heads of 256), B is halved before the columns are.
   Of f32 with heads of 64, kernels of the backward pass take 64 where a program has only part of the columns (dq: at least 32 of them).
3. **Warps: 4,** and 8 where a warp's share of the chunk or of the state would be more than 1024 or 4096 elements: blocks of 64 x 128,
   and states of 256 x 128. f32: 8 where a warp's share of the multiply-adds of a chunk with the state would be more than 32,768, as of
   32 x 64 for heads of 128, but no more than B / 4. 2 where thousands of short narrow heads wait in line, and for f32 states of 32 x 8.
4. **Two stages.** One loses. Three gain up to 11 % with heads of 32, and at most 2 % with others: the rule takes three with heads of 32
   that are not cut, for f32 where they are not crowded, and for 16 bits where B is 128.
5. Kernels that keep the whole state (dk and dv in one): B = 64; for heads up to 64 wide 4 warps, and B = 32 where they do not occupy
   the device (heads of 32: half of it); where thousands wait in line,
   B = 32, and 16 for heads above 64. f32: B = 32 and 8 warps for heads of 64 (through WebGPU 4), 4 warps for heads of 32; B = 16 and 8
   warps for heads of 128; where thousands wait in line 2 warps, and B = 16 from heads of 64 on. f16 through WebGPU: B = 16 and 8 warps;
   for heads of 32 B = 32, or B = 8 and 2 warps where thousands wait in line. On a CPU: B = 32.
6. **Through WebGPU** products are not the tensor cores', and chunks lie in at most 48 KiB. The state of a program has at most 8,192
   elements and 64 columns (f16: 16,384 and 128); 4,096 where a sequence is cut in parts, of which there are again as many as occupy the
   device; no fewer than 2,048 for few heads that are not cut, and of f16 all columns for heads up to 64 wide (not of dk and dv). f32: B = 64 for heads of 64,
   32 for those of 128, 16 for those of 256, and for those of 32 (32 in parts). f16: B = 32, 16 beside a state of 2,048 elements or fewer
   (dk and dv: 4,096; but 32 for heads of 64), and in parts of heads of 128. A warp for 16,384 multiply-adds of a chunk with the state: 8 for 64 x 64 and 32 x 64, 4 for blocks of 32
   columns (8 of f16 with heads of 256), 2 for heads of 32; for dk of f32 with heads of 128 half as many. dk and dv of f16 with heads of 32:
   8 warps, and B = 32, or 64 with fewer columns (at least 8) where heads alone do not occupy the device; where thousands wait in line
   B = 16 and 2 warps. One stage for dq of heads of 256, and of f16 for o and
   dq of heads of 128 beside such a small state.
7. **On a CPU** every invocation of a program costs alike: 2 warps, one stage, a state of 4,096 elements, and B from 16 to 32 such that a
   chunk of its columns has 1,024: 16 for heads of 64, 32 for those of 32 and 128.

The paper's B = 64 is right for the middle of the grid. Around it what matters more than B is how many columns a program has: a
device that is half idle is half as fast, whatever B is.

Kernels declare this as \`prefer\` ([blocks.ts](../../kernels/lightning/blocks.ts)): where nothing was tuned, the configuration
nearest to the rule that fits the device is taken.`;

/** What bench/blocks/leave_one_out.py prints. */
const LEFT_OUT = `Seven constants of the rule are fitted: how full a device has to be, and from how many programs on they crowd; for 16
bits the tokens, and the elements of a warp; for f32 the tokens, the elements of the state, and the multiply-adds of a warp. Fitted
anew on the H100 through CUDA without one point, or without one kernel at one head dimension and dtype, each in turn
([leave_one_out.py](../../bench/blocks/leave_one_out.py)), they come out the same, but for the crowd, of which the grid has one size:
predicted from the others, all 285 points are within 5 % of the best. Without one head dimension 278 are: without f32 with heads of 64 a
warp of f32 gets half as much, and seven points of them are up to 20 % slower than the best. Without one shape 267 are: nothing else in
the grid says from how many programs on they crowd (31 % at worst). The form of the rule was chosen with all points in view, and it
holds for the programs that were timed: when those of f32 began to split operands in two instructions instead of seven, a rule as near
to the best before was up to 29 % off, and by more than 5 % at 11 of 18 points. Where it met kernels that it had not seen: the backward
pass in f16 with heads of 64 and 128, 40 of 40 points within 5 %, in f32 39 of 55 (35 % off at worst); then, with that mended, f16
with heads of 32 and 256, and dk and dv of f32 with those, 64 of 65 (6.3 %).
The rule for WebGPU was made from its points, without a part left out. Of f32 with heads of 32 and 256 it had not seen the 18 points of
dq, dk and dv, and was within 5 % at 15 of them (16 % off at worst); of f16, where it had seen the forward pass with heads of 64 and 128,
it was up to 2.5 times slower than the best where dk and dv are one kernel, and 2.2 times with heads of 256, before it was mended. Then, with that mended, of six
points of dk and dv in f16 that it had not seen it was at the best at four, 13 % off at one, and took what was not timed at the last;
that is mended too, and was not tried on points that are new.`;

/** Guidelines on block sizes from what was measured, and how far they are from the best. */
export function blockSizesPage(all: readonly BlockMeasurements[]): Page {
  const svgs: Record<string, string> = {};
  const trusted = all.filter((measured) => measured.doubt === undefined);
  const markdown = [
    NOTE,
    '# The best block size',
    INTRODUCTION,
    RULE,
    '## How good it is',
    'How much slower the declared default is than the best configuration that was found, over all points of the grid: no rows of a tune file, nothing cached.',
    losses(trusted),
    worst(trusted),
    untimed(trusted),
    LEFT_OUT,
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
  const { points, mean, worst, near } = summed(list);
  return [device, name, points, percent(mean), percent(worst), `${near} of ${points}`];
}

/** Of the points that were timed: how far the rule is off, and how many are within 5 %. */
function summed(list: readonly Pick[]): { points: number; mean: number; worst: number; near: number } {
  const known = list.flatMap((p) => lossOf(p) ?? []);
  const mean = known.reduce((sum, x) => sum + x, 0) / Math.max(1, known.length);
  const near = known.filter((x) => x <= 0.05).length;
  return { points: known.length, mean, worst: Math.max(0, ...known), near };
}

const MOST_WORST = 8;
/** Of a loss, what is worth a row. */
const SHOWN = 0.03;

function worst(all: readonly BlockMeasurements[]): string {
  const points = all.flatMap((measured) =>
    picks(measured).flatMap((p) => {
      const loss = lossOf(p);
      return loss === null || loss <= SHOWN ? [] : [{ loss, p, measured }];
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

/** What the grid has and the devices were not asked for. */
function untimed(all: readonly BlockMeasurements[]): string {
  const lines = all.map(({ api, target, cases }) => {
    const grid = [...groupBy(casesOf(target.kind === 'cuda' ? 'cuda' : 'webgpu'), nameOf)];
    const missing = grid.flatMap(([name, own]) => {
      const timed = cases.filter((c) => nameOf(c) === name).map(({ D }) => D);
      const left = own.map(({ D }) => D).filter((D) => !timed.includes(D));
      if (left.length === 0) return [];
      return timed.length === 0 ? [name] : [`${name} D=${left.sort((a, b) => a - b).join(', ')}`];
    });
    return missing.length === 0 ? [] : [`- ${api}: ${missing.join('; ')}`];
  });
  const said = lines.flat();
  return said.length === 0 ? '' : `Not timed, so that the rule is a guess there:\n\n${said.join('\n')}`;
}

const nameOf = ({ kernel, dtype }: Case): string => `${kernel} ${dtype}`;

/** When cases were measured and with which program: those of one day and commit together. */
function measuredWhen(measured: BlockMeasurements): string {
  const when = groupBy(measured.cases, ({ date, commit }) => {
    const hash = commit ?? measured.commit;
    return `${date ?? measured.date}${hash === '' ? '' : `, commit ${hash}`}`;
  });
  const lines = [...when].map(([text, own]) => {
    const names = [...groupBy(own, nameOf)].map(([name, cases]) => {
      const all = measured.cases.filter((c) => nameOf(c) === name).length;
      return cases.length === all ? name : `${name} D=${cases.map(({ D }) => D).join(', ')}`;
    });
    return { text, names };
  });
  const [first] = lines;
  if (first !== undefined && lines.length === 1) return first.text;
  return lines.map(({ text, names }) => `- ${text}: ${names.join('; ')}`).join('\n');
}

function deviceSection(measured: BlockMeasurements, svgs: Record<string, string>): string {
  const name = place(measured);
  const parts = [`## ${name}`, measuredWhen(measured)];
  for (const said of [measured.doubt, measured.note]) if (said !== undefined) parts.push(said);
  if (measured.doubt !== undefined) {
    const { points, mean, worst: most, near } = summed(picks(measured));
    parts.push(
      `By these times the rule is within 5 % of the best at ${near} of ${points} points: ${percent(mean)} off in the mean, ${percent(most)} at worst.`,
    );
  }
  for (const [kernel, cases] of groupBy(measured.cases, nameOf)) {
    const shapes = cases[0]?.shapes ?? [];
    const head = ['D', ...shapes.map(({ heads, N }) => `${heads} heads x ${N}`)];
    const sorted = [...cases].sort((a, b) => a.D - b.D);
    const rows = sorted.map((of) => [of.D, ...shapes.map((_, at) => bestText(of, at))]);
    parts.push(
      `### ${kernel}`,
      `Best blocks and milliseconds:`,
      table(head, rows),
      ...(measured.doubt === undefined ? charts(name, kernel, sorted, svgs) : []),
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
    `The best of each number of tokens, ${shape.heads} heads of ${shape.N} tokens, and of each number of columns, D = ${wide.D}, relative to the best of all (bars end at ${HIGHEST}):`,
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

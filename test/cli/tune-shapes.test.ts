import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { Output } from '../../cli/output.js';
import { readShapes } from '../../cli/shapes-file.js';
import { jobsBelow } from '../../cli/tune-jobs.js';
import { bytesOf } from '../../compiler/ir/types.js';
import { dtypeOf, isTensorArg, shapeOf } from '../../driver/inputs.js';
import type { Problem } from '../../tuner/types.js';
import { ROOT } from '../house/sources.js';

const FILE = resolve(ROOT, 'kernels/shapes-gpu.json');
/** They have no larger shape: one configuration, or a reference that holds where one program has all columns or few features. */
const AT_THEIR_REFERENCE = [
  ...['lightningBwdSlopeParts', 'lightningPackedBwdSlopeParts', 'favorFwd', 'columnSums', 'bestPart'],
].sort();

const said: string[] = [];
const output = new Output(
  { format: 'pretty', color: 'never', quiet: false, verbose: false },
  { write: () => true },
  { write: (text: string) => said.push(text) },
);
const shapes = readShapes(FILE);
const jobs = await jobsBelow(resolve(ROOT, 'kernels'), { shapes: FILE, dtype: { '*': 'bf16' }, seed: 0 }, output);
const named = jobs.slice(0, shapes.length);

test('every shape for GPUs is one that its kernel takes, in the order of the file', () => {
  expect(said).toEqual([]);
  expect(named.map(({ problem }) => problem.kernel)).toEqual(shapes.map(({ kernel }) => kernel));
  for (const [i, { problem }] of named.entries()) expect(problem.dims).toMatchObject(shapes[i]?.dims ?? {});
  const others = jobs.slice(shapes.length).map(({ problem }) => problem.kernel);
  expect(others.sort()).toEqual(AT_THEIR_REFERENCE);
});

test('no two shapes are the same problem', () => {
  const texts = named.map(({ problem: { kernel, dims, dtypes, options } }) =>
    JSON.stringify([kernel, dims, dtypes, options]),
  );
  expect(new Set(texts).size).toBe(texts.length);
});

/** Sizes that follow from others, of whatever kernel has them. */
const RELATIONS: readonly (readonly [string, (dims: Problem['dims']) => boolean])[] = [
  ['heads share those of keys evenly', ({ H = 1, HK = H }) => H % HK === 0],
  ['a list of offsets is one longer than the sequences', ({ S, S1 }) => S1 === undefined || S1 === (S ?? 0) + 1],
  ['or the groups', ({ G, G1 }) => G1 === undefined || G1 === (G ?? 0) + 1],
  ['four weights are in a word', ({ K = 0, K4 }) => K4 === undefined || K4 * 4 === K],
  ['pieces are those of all segments but one', ({ G, Q }) => Q === undefined || G === undefined || Q % (G - 1) === 0],
];

test.each(RELATIONS)('sizes belong together: %s', (_name, holds) => {
  expect(named.filter(({ problem }) => !holds(problem.dims)).map(({ problem }) => problem.kernel)).toEqual([]);
});

test('tensors of a problem are at most half a gigabyte, so that several sets of them fit', () => {
  const megabytes = named.map(({ decl, problem: { kernel, dims, dtypes } }) => {
    const tensors = decl.args.filter(isTensorArg);
    const elements = tensors.map((arg) => [shapeOf(arg, dims).reduce((n, x) => n * x, 1), arg] as const);
    const bytes = elements.reduce((n, [count, arg]) => n + count * bytesOf(dtypeOf(arg, dtypes as never)), 0);
    return [kernel, bytes / 2 ** 20] as const;
  });
  expect(megabytes.filter(([, mebibytes]) => mebibytes > 512)).toEqual([]);
});

/** Small sources for the command line's tests; they lie in scratch folders, so they import the package by name. */

export const SCALE = `import { cdiv, f32, input, kernel, output, scalar } from 'lac';

/** y = a x */
export const scale = kernel(
  {
    args: { x: input(f32, ['N']), a: scalar(f32), y: output(f32, ['N']) },
    tune: { C: [64, 128], warps: [1] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, a, y }, { C }, { n }) => {
    y.store([n * C], x.load([n * C], [C]) * a);
  },
);
`;

export const SCALE_REFERENCE = `export const scale = {
  shape: { N: 1000 },
  scalars: { a: 3 },
  tokens: ({ N }: { N: number }) => N,
  run: ({ inputs: { x }, scalars: { a } }: { inputs: Record<string, Float64Array>; scalars: Record<string, number> }) => ({
    y: (x ?? new Float64Array(0)).map((v) => v * (a ?? 0)),
  }),
};
`;

/** Wrong in the last element only. */
export const WRONG_REFERENCE = SCALE_REFERENCE.replace(
  'v * (a ?? 0)',
  'v * (a ?? 0) + (v === x?.at(-1) ? 1 : 0)',
).replace('(v) =>', '(v: number) =>');

/** Ranks differ: [64] + [64, 1]. */
export const MISTAKE = SCALE.replace(
  'x.load([n * C], [C]) * a',
  'x.load([n * C], [C]) + col(x.load([n * C], [C]))',
).replace('cdiv, f32', 'cdiv, col, f32');

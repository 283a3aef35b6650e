import { cdiv, expand, f32, input, iota, kernel, output, plan, scalar, sum, temp } from '../../dsl/index.js';

/** y = a x + b. */
export const affine = kernel(
  {
    args: { x: input(f32, ['N']), a: scalar(f32), b: scalar(f32), y: output(f32, ['N']) },
    tune: { C: [16, 32] },
    grid: ({ N, C }) => ({ n: cdiv(N, C) }),
  },
  ({ x, a, b, y }, { C }, { n }) => y.store([n * C], x.load([n * C], [C]) * a + b),
);

export const add = kernel(
  {
    args: { x: input(f32, ['N']), y: input(f32, ['N']), z: output(f32, ['N']) },
    grid: ({ N }) => ({ n: cdiv(N, 16) }),
  },
  ({ x, y, z }, _sizes, { n }) => z.store([n * 16], x.load([n * 16], [16]) + y.load([n * 16], [16])),
);

/** y[n, k] = (k + 1) x[n], for K <= 8. */
export const spread = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N', 'K']) }, grid: ({ N }) => ({ n: N }) },
  ({ x, y }, _sizes, { n }) => y.at(n).store([0], x.get(n) * (iota(8) + 1)),
);

/** y[n] = sum over k of x[n, k], for K <= 8. */
export const fold = kernel(
  { args: { x: input(f32, ['N', 'K']), y: output(f32, ['N']) }, grid: ({ N }) => ({ n: N }) },
  ({ x, y }, _sizes, { n }) => y.store([n], expand(sum(x.at(n).load([0], [8]), 0), 0)),
);

/** y = f x, through a temporary where there are parts. */
export const scaled = plan(
  {
    args: { x: input(f32, ['M']), f: scalar(f32), y: output(f32, ['M']) },
    tune: { G: [1, 2, 4] },
    prune: ({ M, G }) => G <= M,
    temps: ({ M, G }) => ({ t: temp(f32, [M]), parts: temp(f32, [M, G], { fill: 1 }) }),
  },
  ({ x: given, f, y, t, parts }, { M, G: count }, run) => {
    const half = f / 2;
    if (count > 1) {
      run(affine, { x: given, a: half, b: 0, y: t }, { config: { C: 32 } });
      run(affine, { x: t, a: 2, b: 0, y });
    } else if (M > 100) run(fold, { x: parts, y });
    else run(affine, { x: given, a: f, b: 0, y });
  },
);

/** z = f (f x) = f y. */
export const nested = plan(
  { args: { x: input(f32, ['N']), f: scalar(f32), y: output(f32, ['N']), z: output(f32, ['N']) } },
  ({ x, f, y, z }, _sizes, run) => {
    run(scaled, { x, f, y });
    run(scaled, { x: y, f, y: z }, { config: { G: 2 } });
  },
);

/** z = x, or x + y. */
export const sumOrCopy = kernel(
  {
    args: { x: input(f32, ['N']), y: input(f32, ['N'], { optional: true }), z: output(f32, ['N']) },
    options: { both: false },
    grid: ({ N }) => ({ n: cdiv(N, 16) }),
  },
  ({ x, y, z }, { both }, { n }) => {
    const first = x.load([n * 16], [16]);
    z.store([n * 16], both ? first + y.load([n * 16], [16]) : first);
  },
);

/** y = x, plus M where there is a w; the size of w is named in any case. */
export const plusSize = kernel(
  {
    args: { x: input(f32, ['N']), w: input(f32, ['M'], { optional: true }), y: output(f32, ['N']) },
    options: { count: false },
    grid: ({ N }) => ({ n: cdiv(N, 16) }),
  },
  ({ x, y }, { M, count }, { n }) => {
    const own = x.load([n * 16], [16]);
    y.store([n * 16], count ? own + M : own);
  },
);

/** y = times x, plus b where there is an offset. */
export const shifted = plan(
  {
    args: { x: input(f32, ['N']), b: input(f32, ['N'], { optional: true }), y: output(f32, ['N']) },
    options: { offset: false, times: 2 },
    temps: ({ N }) => ({ t: temp(f32, [N]) }),
  },
  ({ x, b, y, t }, { offset, times }, run) => {
    run(affine, { x, a: times, b: 0, y: t });
    if (offset) run(sumOrCopy.with({ both: true }), { x: t, y: b, z: y });
    else run(sumOrCopy, { x: t, z: y });
  },
);

export const shiftedThrice = shifted.with({ offset: true, times: 3 });

/** Reads what nothing wrote. */
export const careless = plan(
  {
    args: { x: input(f32, ['N']), y: output(f32, ['N']) },
    temps: ({ N }) => ({ t: temp(f32, [N]) }),
  },
  ({ x, y, t }, _sizes, run) => run(add, { x, y: t, z: y }),
);

/** The second step does not fit where N and M differ. */
export const uneven = plan(
  {
    args: { x: input(f32, ['N']), w: input(f32, ['M']), y: output(f32, ['N']), z: output(f32, ['N']) },
    temps: ({ M }) => ({ t: temp(f32, [M + 0]) }),
  },
  ({ x, w, y, z, t }, _sizes, run) => {
    run(affine, { x, a: 2, b: 0, y });
    run(affine, { x: w, a: 3, b: 0, y: t });
    run(add, { x: y, y: t, z });
  },
);

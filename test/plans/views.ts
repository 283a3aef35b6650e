import { cdiv, f32, input, kernel, output, plan, temp } from '../../dsl/index.js';

/** y = 2 x. */
export const twice = kernel(
  { args: { x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']) }, grid: ({ M, N }) => ({ n: cdiv(N, 16), m: M }) },
  ({ x, y }, _sizes, { m, n }) => y.at(m).store([n * 16], x.at(m).load([n * 16], [16]) * 2),
);

/** y = x. */
export const copy = kernel(
  {
    args: { x: input(f32, ['A', 'M', 'N']), y: output(f32, ['A', 'M', 'N']) },
    grid: ({ A, M, N }) => ({ n: cdiv(N, 16), m: M, a: A }),
  },
  ({ x, y }, _sizes, { a, m, n }) => y.at(a, m).store([n * 16], x.at(a, m).load([n * 16], [16])),
);

/** y = 2 x, of tensors of rank 3, by way of another order of axes. */
export const turned = plan(
  {
    args: { x: input(f32, ['B', 'N', 'E']), y: output(f32, ['B', 'N', 'E']) },
    temps: ({ B, N, E }) => ({ t: temp(f32, [B, E * N]) }),
  },
  ({ x, y, t }, { B, N, E }, run) => {
    run(twice, { x: x.permute([0, 2, 1]).reshape([B, E * N]), y: t });
    run(copy, { x: t.reshape([B, E, N]), y: y.permute([0, 2, 1]) });
  },
);

/** y[b, n, e] = 4 x[b, E + e, n]: a part of x, turned. */
export const middle = plan(
  {
    args: { x: input(f32, ['B', 'F', 'N']), y: output(f32, ['B', 'N', 'E']) },
    temps: ({ B, N, F }) => ({ t: temp(f32, [B * F, N]) }),
  },
  ({ x, y, t }, { B, F, N, E }, run) => {
    run(twice, { x: x.reshape([B * F, N]), y: t });
    const part = t
      .reshape([B, F, N])
      .permute([1, 0, 2])
      .slice(E, 2 * E);
    run(turned, { x: part.permute([1, 2, 0]), y });
  },
);

/** The first rows of y are x, the last ones twice that. */
export const halves = plan(
  { args: { x: input(f32, ['H', 'N']), y: output(f32, ['M', 'N']) } },
  ({ x, y }, { H, M, N }, run) => {
    run(copy, { x: x.reshape([1, H, N]), y: y.slice(0, H).reshape([1, H, N]) });
    run(twice, { x, y: y.slice(H, M) });
  },
);

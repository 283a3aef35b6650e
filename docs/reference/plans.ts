/**
 * @page Plans
 *
 * A plan is several launches that are called, compiled and stored like one kernel. Its body is read and kept as data:
 * `const`, `if` and `else` on sizes and knobs, and `run`. On CUDA it becomes one graph launch from the second call with
 * the same shapes on, in WebGPU one submission.
 */
import { cdiv, expand, f32, input, kernel, output, plan, range, sum, temp, zeros } from 'lac';

export const transpose = kernel(
  { args: { x: input(f32, ['M', 'N']), y: output(f32, ['N', 'M']) }, grid: ({ M }) => ({ m: M }) },
  ({ x, y }, _sizes, { m }) => y.store([0, m], expand(x.at(m).load([0], [8]), 1)),
);

/**
 * @entry plan; PlanSpec; PlanSpec.args; PlanSpec.temps; PlanSpec.options; temp
 * @title plan and temporaries
 *
 * Steps run in order; each sees what the earlier ones stored. Options are true, false or a number, known in `temps` and
 * in the body; `.with` gives the plan others, and an `if` on one decides when the plan is read.
 * @shapes Extents of a temporary are arithmetic on dimensions and knobs of the plan.
 * @corner Temporaries of two calls in flight are never shared. Without `fill` they are uninitialised: `interpret` traps
 * a read of what was never written (LAC0802).
 * @errors LAC0301 LAC0308 LAC0314 LAC0315 LAC0802
 */
export const partials = kernel(
  { args: { x: input(f32, ['N']), parts: output(f32, ['P']) }, tune: { C: [4] }, grid: ({ P }) => ({ p: P }) },
  ({ x, parts }, { N, P, C }, { p }) => {
    let s = zeros([C], f32);
    for (const n of range(p * C, N, P * C)) s += x.load([n], [C]);
    parts.scatter([p], sum(s, 0));
  },
);
export const addUp = kernel(
  { args: { parts: input(f32, ['P']), total: output(f32, ['R']) }, grid: () => ({ p: 1 }) },
  ({ parts, total }, { P }) => {
    let s = zeros([4], f32);
    for (const i of range(0, P, 4)) s += parts.load([i], [4]);
    total.scatter([0], sum(s, 0));
  },
);
export const totalOf = plan(
  {
    args: { x: input(f32, ['N']), total: output(f32, ['R']) },
    temps: ({ N }) => ({ parts: temp(f32, [cdiv(N, 4)]) }),
  },
  ({ x, total, parts }, _sizes, run) => {
    run(partials, { x, parts });
    run(addUp, { parts, total });
  },
);
// x = [1, 2, 3, 4, 5, 6, 7, 8, 9]
// total -> [45]

/**
 * @entry Run; PlanEnv
 * @title run
 *
 * `run(kernel, { argument: tensor }, { config })` gives every argument of the kernel once: arguments and temporaries of
 * the plan, `null`, and for scalars arithmetic on sizes. Without `config` the kernel's own configuration is used. A
 * plan can run a plan. It stands under `if` where sizes decide.
 * @errors LAC0315 LAC0316 LAC0317
 */
export const totalOfShort = plan(
  { args: { x: input(f32, ['N']), total: output(f32, ['R']) }, temps: () => ({ one: temp(f32, [1], { fill: 0 }) }) },
  ({ x, total, one }, { N }, run) => {
    if (N <= 1024) run(addUp, { parts: x, total });
    else {
      run(partials, { x, parts: one }, { config: { C: 4 } });
      run(addUp, { parts: one, total });
    }
  },
);
// x = [1, 2, 3, 4, 5]
// total -> [15]

/**
 * @entry PlanTensor; PlanTensor.reshape; PlanTensor.permute; PlanTensor.slice; PlanArgs
 * @title Views of tensors
 *
 * Arguments and temporaries in the body of a plan can be passed on in another shape, with their axes in another order, or
 * in part. A kernel of matrices then serves tensors of more axes, and one product the weights of several layers.
 * @shapes `reshape` keeps the number of elements and their row-major order, `permute` the elements, `slice` the axes.
 * Extents and bounds are arithmetic on dimensions and knobs.
 * @corner Nothing is copied. A call is refused where no strides lead through a shape: axes that become one have to be
 * neighbours in memory, which those of temporaries are until they are permuted or cut. A tensor that a step writes is not
 * given to it twice, even in parts that do not meet.
 * @errors LAC0314 LAC0317 LAC0318 LAC0627
 */
export const totalOfSecondRows = plan(
  {
    args: { x: input(f32, ['B', 'N', 'P']), total: output(f32, ['R']) },
    temps: ({ B, P }) => ({ t: temp(f32, [P, B]) }),
  },
  ({ x, total, t }, { B, P }, run) => {
    const second = x.permute([1, 0, 2]).slice(1, 2).reshape([B, P]);
    run(transpose, { x: second, y: t });
    run(addUp, { parts: t.reshape([P * B]), total });
  },
);
// x = [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
// total -> [22]

/**
 * @entry PlanSpec.tune; PlanSpec.prune; PlanSpec.tuneKey
 * @title Knobs of plans
 *
 * Knobs of the plan itself, with the rules of a kernel's: here the number of parts. They are numbers in `temps` and in
 * the body.
 * @errors LAC0304 LAC0306 LAC0309
 */
export const totalInParts = plan(
  {
    args: { x: input(f32, ['N']), total: output(f32, ['R']) },
    tune: { G: [8, 4, 2, 1] },
    prune: ({ G, N }) => G * 4 <= N || G === 1,
    tuneKey: ({ N }) => [N],
    temps: ({ G }) => ({ parts: temp(f32, [G]) }),
  },
  ({ x, total, parts }, _sizes, run) => {
    run(partials, { x, parts });
    run(addUp, { parts, total });
  },
);
// x = [1, 2, 3, 4, 5, 6, 7, 8, 9]
// total -> [45]

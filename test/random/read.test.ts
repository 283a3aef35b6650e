import { expect, it } from 'vitest';
import { compareAll } from './agree.js';
import type { Program } from './programs.js';

/** Programs that a reader of the compiler thought would go wrong, and that did. */
const FOUND: Readonly<Record<string, Omit<Program, 'warps'>>> = {
  'a plane is loaded across one that was stored': {
    shapes: { w: [2, 16, 16, 16], x: [16, 16], y: [2, 16, 16] },
    scalars: {},
    text: `import { all, inout, input, f32, kernel, output } from 'lac';
export const generated = kernel({
  args: {
    w: inout(f32, ['P', 'A', 'B', 'C']),
    x: input(f32, ['A', 'B']),
    y: output(f32, ['P', 'A', 'B']),
  },
  tune: { warps: [1, 4] },
  grid: ({ P }) => ({ p: P }),
}, ({ w, x, y }, {}, { p }) => {
  const cube = w.at(p);
  cube.at(all, all, 0).store([0, 0], x.load([0, 0], [16, 16]));
  y.at(p).store([0, 0], cube.at(0, all, all).load([0, 0], [16, 16]));
});
`,
  },
  'folds of constants decide branches and trips': {
    shapes: { x: [2, 8], y: [2, 8] },
    scalars: {},
    text: `import { argmax, cast, f32, full, i32, input, kernel, max, output, range, reduce, slice, sum } from 'lac';
export const generated = kernel({
  args: { x: input(f32, ['P', 'N']), y: output(f32, ['P', 'N']) },
  tune: { warps: [1, 4] },
  grid: ({ P }) => ({ p: P }),
}, ({ x, y }, {}, { p }) => {
  let t = x.at(p).load([0], [8]);
  const one = sum(full([1], 1, i32), 0);
  if (one > 0) t = t + 1;
  if (reduce(full([4], 1, f32), 0, (a, b) => b) > 2) t = t * 3;
  else t = t - 2;
  if (max(slice(full([4], 1, i32), [1], [1]), 0) !== 1) t = t * 5;
  if (argmax(full([4], 1, f32), 0) < 1) t = t * 2;
  let i = cast(0, i32);
  while (i < 3 * one) {
    t = t + one;
    i += one;
  }
  while (one < 1) i += 1;
  for (const j of range(0, 4, one)) t = t * 0.5 + j;
  y.at(p).store([0], t + i);
});
`,
  },
};

for (const [name, program] of Object.entries(FOUND))
  it(name, async () => {
    for (const warps of [1, 4]) expect(await compareAll({ ...program, warps })).toEqual(['agrees', 'agrees']);
  });

import {
  all,
  argmax,
  bf16,
  cast,
  cdiv,
  col,
  cos,
  dtypes,
  exp,
  f16,
  f32,
  i32,
  input,
  iota,
  kernel,
  log,
  max,
  maximum,
  min,
  minimum,
  output,
  range,
  row,
  scalar,
  sin,
  sum,
  u32,
  where,
  zeros,
} from '../../../dsl/index.js';

const T = dtypes('T', f32, bf16, f16);
const I = dtypes('I', i32, u32);
const THETA = 10000;

/** Cross entropy of a row in blocks: label from memory, label -1 ignored, smoothing, and whether the label came first. */
export const crossEntropy = kernel(
  {
    args: {
      x: input(T, ['M', 'V']),
      label: input(i32, ['M']),
      loss: output(f32, ['M']),
      hit: output(i32, ['M']),
    },
    options: { smooth: 0 },
    tune: { BV: [64, 100], warps: [2] },
    grid: ({ M }) => ({ m: M }),
  },
  ({ x, label, loss, hit }, { V, BV, smooth }, { m }) => {
    const y = label.get(m);
    let top = cast(-Infinity, f32);
    let total = cast(0, f32);
    let sumOfX = cast(0, f32);
    let best = cast(0, i32);
    for (const v of range(0, V, BV)) {
      const t = max(cast(x.load([m, v], [1, BV], { pad: -Infinity }), f32), 0);
      const here = max(t, 0);
      if (here > top) best = v + argmax(t, 0);
      const next = maximum(top, here);
      const shift = next === -Infinity ? 0 : next;
      total = total * exp(top - shift) + sum(exp(t - shift), 0);
      sumOfX += sum(where(v + iota(BV) < V, t, 0), 0);
      top = next;
    }
    const lse = top + log(total);
    if (y >= 0) {
      const likely = lse - cast(x.get(m, y), f32);
      loss.at(m).store([], (1 - smooth) * likely + smooth * (lse - sumOfX / V));
    } else loss.at(m).store([], 0);
    hit.at(m).store([], best === y ? 1 : cast(0, i32));
  },
);
export const smoothedEntropy = crossEntropy.with({ smooth: 0.125 });

/** Rotary embedding of two halves, positions from an offset a sequence. */
export const rotary = kernel(
  {
    args: { x: input(T, ['B', 'N', 'H', 'D']), offset: input(i32, ['B']), y: output(T, ['B', 'N', 'H', 'D']) },
    comptime: ['D'],
    tune: { C: [8, 5], warps: [1] },
    grid: ({ B, N, H, C }) => ({ n: cdiv(N, C), h: H, b: B }),
  },
  ({ x, offset, y }, { D, C }, { n, h, b }) => {
    const half = D / 2;
    const frequency = exp(cast(iota(half), f32) * ((-2 * Math.log(THETA)) / D));
    const angle = col(cast(offset.get(b) + n * C + iota(C), f32)) * row(frequency);
    const [X, Y] = [x.at(b, all, h), y.at(b, all, h)];
    const first = cast(X.load([n * C, 0], [C, half]), f32);
    const second = cast(X.load([n * C, half], [C, half]), f32);
    Y.store([n * C, 0], first * cos(angle) - second * sin(angle));
    Y.store([n * C, half], second * cos(angle) + first * sin(angle));
  },
);

/** One program folds everything to scalars: carried masks, conditions on them, views without axes. */
export const summary = kernel(
  {
    args: {
      x: input(T, ['N']),
      c: input(I, ['N']),
      limit: scalar(u32),
      sums: output(f32, ['Four']),
      facts: output(i32, ['Four']),
      bits: output(I, ['Four']),
    },
    tune: { BN: [32], warps: [1] },
    grid: () => ({ once: 1 }),
  },
  ({ x, c, limit, sums, facts, bits }, { N, BN }) => {
    let total = cast(0, f32);
    let low = cast(Infinity, f32);
    let high = cast(-Infinity, f32);
    let at = cast(0, i32);
    let any = cast(0, i32) === 1;
    let every = cast(1, i32) === 1;
    let mixed = zeros([BN], u32);
    for (const n of range(0, N, BN)) {
      const inside = n + iota(BN) < N;
      const t = cast(x.load([n], [BN]), f32);
      const best = max(where(inside, t, -Infinity), 0);
      total += sum(where(inside, t, 0), 0);
      low = minimum(low, min(where(inside, t, Infinity), 0));
      if (best > high) at = n + argmax(where(inside, t, -Infinity), 0);
      high = maximum(high, best);
      any = any || max(cast(inside && t > 1.5, i32), 0) === 1;
      every = every && sum(cast(inside && t < 2.5, i32), 0) === minimum(BN, N - n);
      mixed = mixed ^ where(inside, cast(c.load([n], [BN]), u32) << 3, 0);
    }
    sums.at(0).store([], total);
    sums.at(1).store([], low);
    sums.at(2).store([], high);
    sums.at(3).store([], any ? total : -total);
    facts.at(0).store([], at);
    facts.at(1).store([], cast(any, i32) + 2 * cast(every, i32));
    facts.at(2).store([], N);
    facts.at(3).store([], any && !every ? 1 : cast(0, i32));
    bits.at(0).store([], cast(sum(mixed, 0) % maximum(limit, 1), I));
    bits.at(1).store([], cast(limit, I));
    bits.at(2).store([], cast(max(mixed, 0) >> 4, I));
    bits.at(3).store([], cast(N > 3 ? limit : limit + 1, I));
  },
);

import type { Reference, ReferenceContext } from '../../driver/reference.js';

/** Element by element. Quotients are those of f32: an element on the edge of a bin belongs to one of them. */
function count({ inputs, dims: { K = 0 }, scalars: { lo = 0, hi = 0 }, options }: ReferenceContext) {
  const { x, keep, weight } = inputs;
  if (!x || !keep || !weight || !inputs.count || !inputs.total)
    throw new Error('maskedHistogram: all arguments are needed');
  const [counts, total] = [inputs.count.slice(), inputs.total.slice()];
  x.forEach((v, i) => {
    if (keep[i] === 0 || !(v >= lo && v < hi)) return;
    const bin = Math.floor(Math.fround(Math.fround(Math.fround(v - lo) / Math.fround(hi - lo)) * K));
    if (bin >= K) return;
    counts[bin] = (counts[bin] ?? 0) + 1;
    total[bin] = (total[bin] ?? 0) + (weight[i] ?? 0);
  });
  return options.weighted === true ? { count: counts, total } : { count: counts };
}

export const maskedHistogram: Reference = {
  shape: { N: 5000, K: 20 },
  scalars: { lo: -2, hi: 2 },
  inputs: {
    keep: ({ shape: [N = 0], uniform }) => Float64Array.from({ length: N }, () => Math.floor(uniform() * 3)),
    // Multiples of 1/8 above the edges of the bins: no rounding decides where one belongs.
    x: ({ shape: [N = 0], random }) => Float64Array.from({ length: N }, () => Math.floor(random() * 8) / 8 + 1 / 32),
  },
  run: count,
};
export const weightedHistogram: Reference = maskedHistogram;

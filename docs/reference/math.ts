/**
 * @page Elementwise functions
 *
 * They work lane by lane and keep shape and dtype. How far from the exact value a result may be on which device is in
 * [docs/math.md](../math.md). 16-bit floats are computed in f32 and rounded. Of numbers known at compile time
 * `Math.exp`, `Math.sqrt` and the like are the same at compile time.
 */
import {
  abs,
  cast,
  cdiv,
  ceil,
  cos,
  erf,
  exp,
  exp2,
  f32,
  floor,
  i32,
  idiv,
  input,
  iota,
  kernel,
  log,
  log1p,
  log2,
  maximum,
  minimum,
  mulhi,
  output,
  round,
  rsqrt,
  sigmoid,
  sin,
  sqrt,
  tanh,
  u32,
  where,
} from 'lac';

/**
 * @entry exp; exp2
 * @ops exp exp2
 * @shapes Any; kept.
 * @dtypes Floats.
 * @corner exp(-Infinity) = 0; on WGSL, which may have no infinities, that holds of the lowest finite value.
 * @corner A lane that `where` discards may overflow; selecting the exponent first, `exp(where(m, x, -Infinity))`, stays
 * finite on every device. `exp(x - m)` with both -Infinity is NaN: shift by `where(m === -Infinity, 0, m)` (LAC0224).
 * @errors LAC0207 LAC0212 LAC0224 LAC0225
 */
export const decays = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']), z: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    const t = x.load([0], [4]);
    y.store([0], exp(where(iota(4) < 3, t, -Infinity)));
    z.store([0], exp2(t));
  },
);
// x = [0, 1, -1, 3]
// y -> [1, 2.718281828, 0.3678794412, 0]
// z -> [1, 2, 0.5, 8]

/**
 * @entry log; log2; log1p
 * @ops log log2 log1p
 * @shapes Any; kept.
 * @dtypes Floats.
 * @corner log(0) = -Infinity, log of a negative number NaN.
 * @errors LAC0207 LAC0212 LAC0225
 */
export const logarithms = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['R', 'N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    const t = x.load([0], [3]);
    y.at(0).store([0], log(t));
    y.at(1).store([0], log2(t));
    y.at(2).store([0], log1p(t));
  },
);
// x = [1, 8, 0.25]
// y -> [[0, 2.079441542, -1.386294361], [0, 3, -2], [0.6931471806, 2.197224577, 0.2231435513]]

/**
 * @entry sqrt; rsqrt
 * @ops sqrt rsqrt
 * @shapes Any; kept.
 * @dtypes Floats.
 * @corner sqrt(-1) = NaN, rsqrt(0) = Infinity.
 * @errors LAC0207 LAC0212 LAC0225
 */
export const roots = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']), z: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    const t = x.load([0], [2]);
    y.store([0], sqrt(t));
    z.store([0], rsqrt(t));
  },
);
// x = [4, 0.25]
// y -> [2, 0.5]
// z -> [0.5, 2]

/**
 * @entry sigmoid; tanh; erf
 * @ops sigmoid tanh erf
 * @shapes Any; kept.
 * @dtypes Floats.
 * @errors LAC0207 LAC0212 LAC0225
 */
export const activations = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['R', 'N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    const t = x.load([0], [3]);
    y.at(0).store([0], sigmoid(t));
    y.at(1).store([0], tanh(t));
    y.at(2).store([0], 0.5 * t * (1 + erf(t * Math.SQRT1_2))); // GELU
  },
);
// x = [0, 1, -1]
// y -> [[0.5, 0.7310585786, 0.2689414214], [0, 0.761594156, -0.761594156], [0, 0.8413447461, -0.1586552539]]

/**
 * @entry sin; cos
 * @ops sin cos
 * @shapes Any; kept.
 * @dtypes Floats; x in radians.
 * @corner The bound holds for arguments of any size.
 * @errors LAC0207 LAC0212 LAC0225
 */
export const turns = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']), z: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    const t = x.load([0], [3]);
    y.store([0], sin(t));
    z.store([0], cos(t));
  },
);
// x = [0, 1, 1048576]
// y -> [0, 0.8414709848, 0.3304931400]
// z -> [1, 0.5403023059, 0.9438083939]

/**
 * @entry floor; ceil; round
 * @ops floor ceil round
 * @shapes Any; kept.
 * @dtypes Floats.
 * @errors LAC0207 LAC0212 LAC0225
 */
export const wholes = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['R', 'N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    const t = x.load([0], [4]);
    y.at(0).store([0], floor(t));
    y.at(1).store([0], ceil(t));
    y.at(2).store([0], round(t));
  },
);
// x = [0.5, 1.5, -1.5, -1.2]
// y -> [[0, 1, -2, -2], [1, 2, -1, -1], [0, 2, -2, -1]]

/**
 * @entry abs
 * @ops abs
 * @shapes Any; kept.
 * @dtypes Numbers, integers too.
 * @errors LAC0207 LAC0225
 */
export const magnitudes = kernel(
  { args: { x: input(i32, ['N']), y: output(i32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], abs(x.load([0], [3])));
  },
);
// x = [-3, 4, -2147483648]
// y -> [3, 4, -2147483648]

/**
 * @entry maximum; minimum
 * @ops max min
 * @shapes Operands broadcast as with operators.
 * @dtypes Numbers, which promote as with operators.
 * @corner maximum(-0, 0) may be either. WGSL: the rule of NaN holds where the device has NaN.
 * @errors LAC0201 LAC0202 LAC0205 LAC0206 LAC0225
 */
export const clamped = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    y.store([0], minimum(maximum(x.load([0], [4]), -1), 1));
  },
);
// x = [-3, -0.5, 0.5, 3]
// y -> [-1, -0.5, 0.5, 1]

/**
 * @entry where
 * @ops select
 * @shapes Mask and arms broadcast to one shape; scalars and literals go with any.
 * @dtypes The arms promote as with operators; a literal takes the dtype of the other arm.
 * @errors LAC0201 LAC0202 LAC0205 LAC0207 LAC0209
 */
export const safeInverse = kernel(
  { args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => {
    const t = x.load([0], [3]);
    y.store([0], where(t === 0, 0, 1 / t)); // 1 / 0 is computed, and discarded
  },
);
// x = [2, 0, -4]
// y -> [0.5, 0, -0.25]

/**
 * @entry cdiv; idiv
 * @ops idiv
 * @shapes Tiles, scalars, and numbers known at compile time; in `grid`, `prune` and `tuneKey` too.
 * @dtypes Integers.
 * @corner `cdiv` never overflows, and is defined for a >= 0 and b > 0 only. Division of -2^31 by -1 traps in
 * `interpret`, as by 0.
 * @errors LAC0204 LAC0205 LAC0212 LAC0223 LAC0806 LAC0807
 */
export const quotients = kernel(
  { args: { x: input(i32, ['N']), y: output(i32, ['N']), z: output(i32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y, z }) => {
    const t = x.load([0], [3]);
    y.store([0], idiv(t, 2));
    z.store([0], cdiv(abs(t), 2));
  },
);
// x = [7, -7, 8]
// y -> [3, -3, 4]
// z -> [4, 4, 4]

/**
 * @entry mulhi
 * @ops mulhi
 * @shapes Operands broadcast as with operators.
 * @dtypes u32; a literal is u32.
 * @corner With wrapping products it makes counter-based random numbers that are equal bit for bit on every device:
 * `kernels/random/philox.ts` is Philox-4x32-10.
 * @errors LAC0205 LAC0206 LAC0212
 */
export const highWords = kernel(
  { args: { x: input(u32, ['N']), high: output(u32, ['N']), low: output(u32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, high, low }) => {
    const t = x.load([0], [3]);
    high.store([0], mulhi(t, 0xd2511f53));
    low.store([0], t * cast(0xd2511f53, u32));
  },
);
// x = [1, 2, 65536]
// high -> [0, 1, 53841]
// low -> [3528531795, 2762096294, 525533184]

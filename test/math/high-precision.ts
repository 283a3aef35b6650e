/**
 * Functions of a real number to 100 digits and more, in fixed point on bigints: the judge of the functions in f64, and
 * through them of every backend. Slow and plain: Taylor series after an argument reduction, nothing shared with the
 * code that is judged.
 */
const BITS = 560n;
const ONE = 1n << BITS;

/** Fixed point with BITS bits behind the point. */
type Fixed = bigint;

const times = (a: Fixed, b: Fixed): Fixed => (a * b) >> BITS;
const over = (a: Fixed, b: Fixed): Fixed => (a << BITS) / b;

const word = new DataView(new ArrayBuffer(8));

/** A finite number; exact from 2^-500 on. */
function fixed(x: number): Fixed {
  word.setFloat64(0, x);
  const bits = word.getBigUint64(0);
  const field = (bits >> 52n) & 0x7ffn;
  const significand = (bits & ((1n << 52n) - 1n)) | (field === 0n ? 0n : 1n << 52n);
  const shift = (field === 0n ? 1n : field) - 1075n + BITS;
  const magnitude = shift >= 0n ? significand << shift : significand >> -shift;
  return x < 0 ? -magnitude : magnitude;
}

/** The sum of terms that start at `first` and follow from one another, until they vanish. */
function series(first: Fixed, next: (term: Fixed, n: bigint) => Fixed): Fixed {
  let sum = 0n;
  let term = first;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = next(term, n);
  }
  return sum;
}

/** artanh(1 / n) for whole n. */
function artanhOfReciprocal(n: bigint): Fixed {
  let power = ONE / n;
  let sum = 0n;
  for (let k = 1n; power > 0n; k += 2n) {
    sum += power / k;
    power /= n * n;
  }
  return sum;
}

function arctanOfReciprocal(n: bigint): Fixed {
  let power = ONE / n;
  let sum = 0n;
  for (let k = 1n; power > 0n; k += 2n) {
    sum += (k & 2n) === 0n ? power / k : -(power / k);
    power /= n * n;
  }
  return sum;
}

const LN2 = 2n * artanhOfReciprocal(3n);
/** Machin's formula. */
const PI = 4n * (4n * arctanOfReciprocal(5n) - arctanOfReciprocal(239n));

/** Quotient rounded to the nearest whole number, for b > 0. */
function nearest(a: bigint, b: bigint): bigint {
  const doubled = 2n * a + b;
  const q = doubled / (2n * b);
  return doubled < 0n && doubled % (2n * b) !== 0n ? q - 1n : q;
}

/** e^x as mantissa and exponent of 2: f 2^n with f in 0.7 .. 1.42. */
function expOf(x: Fixed): { f: Fixed; n: bigint } {
  const n = nearest(x, LN2);
  const r = x - n * LN2;
  return { f: series(ONE, (t, k) => times(t, r) / k), n };
}

const shifted = (f: Fixed, n: bigint): Fixed => (n >= 0n ? f << n : f >> -n);
const exponential = (x: Fixed): Fixed => {
  const { f, n } = expOf(x);
  return shifted(f, n);
};

/** log x for x > 0: x = m 2^n, log m = 2 artanh((m - 1) / (m + 1)). */
function logarithm(x: Fixed): Fixed {
  const length = BigInt(x.toString(2).length) - 1n;
  let n = length - BITS;
  let m = shifted(x, -n);
  if (m > (ONE * 4n) / 3n) [m, n] = [m / 2n, n + 1n];
  const t = over(m - ONE, m + ONE);
  const square = times(t, t);
  let power = t;
  let sum = 0n;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = times(power, square);
  }
  return 2n * sum + n * LN2;
}

/** sin (`turns` 0) or cos (1). */
function sine(x: Fixed, turns: bigint): Fixed {
  const quarter = PI / 2n;
  const n = nearest(x, quarter);
  const r = x - n * quarter;
  const square = times(r, r);
  const s = series(r, (t, k) => -times(t, square) / (2n * k * (2n * k + 1n)));
  const c = series(ONE, (t, k) => -times(t, square) / (2n * k * (2n * k - 1n)));
  return [s, c, -s, -c][Number((n + turns) & 3n)] as Fixed;
}

function squareRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  let x = 1n << (BigInt(n.toString(2).length) / 2n + 1n);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}

/** 2 / sqrt(pi) sum of (-1)^n x^(2n+1) / (n! (2n+1)); terms grow up to e^(x^2), which BITS has room for up to 12. */
function errorFunction(x: Fixed): Fixed {
  const square = times(x, x);
  let sum = 0n;
  let term = x;
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    sum += term / (2n * n - 1n);
    term = -times(term, square) / n;
  }
  return over(2n * sum, squareRoot(PI << BITS));
}

const FUNCTIONS = {
  exp: exponential,
  exp2: (x) => exponential(times(x, LN2)),
  log: logarithm,
  log2: (x) => over(logarithm(x), LN2),
  log1p: (x) => logarithm(ONE + x),
  sqrt: (x) => squareRoot(x << BITS),
  rsqrt: (x) => over(ONE, squareRoot(x << BITS)),
  sigmoid: (x) => {
    const e = exponential(x < 0n ? x : -x);
    return over(x < 0n ? e : ONE, ONE + e);
  },
  tanh: (x) => {
    const e = exponential(-2n * (x < 0n ? -x : x));
    const t = over(ONE - e, ONE + e);
    return x < 0n ? -t : t;
  },
  erf: errorFunction,
  sin: (x) => sine(x, 0n),
  cos: (x) => sine(x, 1n),
} as const satisfies Record<string, (x: Fixed) => Fixed>;

export type Transcendental = keyof typeof FUNCTIONS;
export const TRANSCENDENTAL = Object.keys(FUNCTIONS) as Transcendental[];

/** |got - f(x)| in units of 2^-53 |f(x)|, about one ulp of f64; for x inside the domain, |x| below 2^520. */
export function relativeError(name: Transcendental, x: number, got: number): number {
  const want = FUNCTIONS[name](fixed(x));
  if (want === 0n) return got === 0 ? 0 : Infinity;
  const scaled = ((fixed(got) - want) << 63n) / want;
  return Math.abs(Number(scaled)) / 1024;
}

/** f(x) with 29 digits behind the point, the last rounded. */
export function exactly(name: Transcendental, x: number): string {
  const scaled = nearest(FUNCTIONS[name](fixed(x)) * 10n ** 29n, ONE);
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(30, '0');
  return `${scaled < 0n ? '-' : ''}${digits.slice(0, -29)}.${digits.slice(-29)}`;
}

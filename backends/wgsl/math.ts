/**
 * WGSL of the functions that WGSL lacks or leaves loose (WGSL 15.7.4). Built from + - * and integers, which are
 * exact or rounded to nearest on every device, and from exp and /, whose errors WGSL bounds; bits stand in for
 * comparisons that an implementation without NaN and infinities may fold. Error bounds: compiler/ops/accuracy.ts.
 */

/** `t('f32')` is the vector type at hand. */
export type Template = (t: (lane: string) => string) => string;

export interface LibraryTemplate {
  readonly result: string;
  /** Their names are a and b. */
  readonly params: readonly string[];
  readonly body: Template;
}

const unary = (body: Template): LibraryTemplate => ({ result: 'f32', params: ['f32'], body });

/** a x^n + b x^(n-1) ...: nested products and sums. */
const horner = (x: string, [top, ...rest]: readonly number[]): string =>
  rest.reduce((sum, c) => `(${sum}) * ${x} + (${c}f)`, `${top}f`);

// ---- logarithms

/**
 * u, the bits of what `x` names, becomes e and f: x = (1 + f) 2^e with f in -1/3 .. 1/3. Subnormals count: their integer
 * is converted, so that nothing is flushed.
 */
const split = (x: string): Template => {
  return (t) => `let u = bitcast<${t('u32')}>(${x});
  let tiny = (u & ${t('u32')}(0x7fffffffu)) < ${t('u32')}(0x800000u);
  let w = select(u, bitcast<${t('u32')}>(${t('f32')}(u & ${t('u32')}(0x7fffffu))), tiny);
  let k = (w - ${t('u32')}(0x3f2aaaabu)) & ${t('u32')}(0xff800000u);
  let e0 = ${t('f32')}(bitcast<${t('i32')}>(k) >> ${t('u32')}(23u)) + select(${t('f32')}(0.0f), ${t('f32')}(-149.0f), tiny);
  let f0 = bitcast<${t('f32')}>(w - k) - 1.0f;`;
};

const LOG_TERMS = [
  ...[-0.130310059, 0.140869141, -0.121483512, 0.139814854, -0.166846126, 0.200120345, -0.2499962, 0.333331972],
  -0.5,
];

/** l = log(1 + f). */
const LOG_NEAR_ONE = `let l = (${horner('f', LOG_TERMS)}) * (f * f) + f;`;

/** e log 2 + l, the factor in two parts of which the first has few bits. */
const NATURAL = 'e * 0.693145751953125f + (e * 1.42860677e-6f + l)';

/** v for 0 < x < infinity, whose bits are u: -infinity at 0, x at infinity and NaN, NaN below 0. */
const onDomain =
  (x: string): Template =>
  (t) =>
    `let none = bitcast<${t('f32')}>(u | ${t('u32')}(0x7fc00000u));
  let least = bitcast<${t('f32')}>(u | ${t('u32')}(0xff800000u));
  let above = select(select(v, none, u > ${t('u32')}(0x7f800000u)), ${x}, u == ${t('u32')}(0x7f800000u));
  return select(above, least, (u & ${t('u32')}(0x7fffffffu)) == ${t('u32')}(0u));`;

const logarithm = (value: string): LibraryTemplate =>
  unary(
    (t) => `${split('a')(t)}
  let e = e0;
  let f = f0;
  ${LOG_NEAR_ONE}
  let v = ${value};
  ${onDomain('a')(t)}`,
  );

/** Below 1/3 in magnitude the polynomial in x itself; elsewhere the rounding of 1 + x moves the logarithm by 1.5 ulp. */
const log1p = unary(
  (t) => `let s = a + 1.0f;
  ${split('s')(t)}
  let near = abs(a) < ${t('f32')}(0.33333334f);
  let e = select(e0, ${t('f32')}(0.0f), near);
  let f = select(f0, a, near);
  ${LOG_NEAR_ONE}
  let v = ${NATURAL};
  ${onDomain('s')(t)}`,
);

// ---- exponentials

/** The exponent is never positive, so nothing overflows. */
const sigmoid = unary(
  (t) => `let e = exp(-abs(a));
  let s = 1.0f / (1.0f + e);
  return select(e * s, s, a >= ${t('f32')}(0.0f));`,
);

/** Below 0.55 an odd polynomial, which keeps small x; above, 1 - 2 e / (1 + e) with e = e^-2|x|. */
const tanh = unary(
  (t) => `let q = a * a;
  let p = ${horner('q', [0.0157296831, -0.0523029624, 0.133152977, -0.333327681])};
  let small = (p * q) * a + a;
  let e = exp(-2.0f * abs(a));
  let big = 1.0f - (2.0f * e) / (1.0f + e);
  return select(select(-big, big, a >= ${t('f32')}(0.0f)), small, abs(a) < ${t('f32')}(0.55f));`,
);

/** Up to 0.93 an odd polynomial; above, 1 - e^r with a polynomial r of |x|. At 4 it is 1. NaN takes the first. */
const erf = unary(
  (t) => `let x = min(abs(a), ${t('f32')}(4.0f));
  let q = a * a;
  let small = (${horner('q', [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 0.112819925, -0.376125336, 0.128379166])} + 1.0f) * a;
  let r = ${horner('x', [-1.7285347e-5, 3.83197126e-4, -3.88396438e-3, 2.42546219e-2, -0.106777877, -0.634846687, -0.128717512])};
  let big = 1.0f - exp(r * x - x);
  return select(small, select(-big, big, a >= ${t('f32')}(0.0f)), abs(a) > ${t('f32')}(0.927734375f));`,
);

// ---- sine and cosine

/**
 * pi / 2 in parts of at most 7 bits, whose products with a number of quarter turns below 2^17 are exact, fused or not;
 * the first three differences are exact too. The last part is rounded.
 */
const HALF_PI = [
  ...[1.578125, -0.00732421875, -4.470348358154297e-6, 1.5832483768463135e-8, 6.093614501878619e-11],
  -1.6513995372426591e-13,
];
const codyWaite = HALF_PI.reduce((rest, part) => `(${rest} - q * (${part}f))`, 'a');

/** 2 / pi in words, after one word of its integral part. */
const TWO_OVER_PI = [0, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab];

/** Declares w0 .. w3: the words of TWO_OVER_PI around bit s (24 .. 135), chosen in three halving steps. */
const tableWords: Template = (t) => {
  const constant = TWO_OVER_PI.map((w) => `${t('u32')}(0x${w.toString(16)}u)`);
  const zero = constant[0];
  const step = (from: (i: number) => string | undefined, to: string, bit: number, count: number): string[] => [
    `let ${to}skip = (s & ${t('u32')}(${bit}u)) != ${t('u32')}(0u);`,
    ...Array.from(
      { length: count },
      (_, i) => `let ${to}${i} = select(${from(i)}, ${from(i + bit / 32) ?? zero}, ${to}skip);`,
    ),
  ];
  const named = (prefix: string, count: number) => (i: number) => (i < count ? `${prefix}${i}` : undefined);
  const lines = [
    ...step((i) => constant[i], 'x', 128, 7),
    ...step(named('x', 7), 'y', 64, 5),
    ...step(named('y', 5), 'w', 32, 4),
  ];
  return lines.join('\n    ');
};

/** `name` becomes the high 32 bits of the product of two u32, from products of 16 bits. */
const highProduct =
  (x: string, y: string, name: string): Template =>
  (t) => {
    const [half, mask] = [`${t('u32')}(16u)`, `${t('u32')}(0xffffu)`];
    const [xl, xh, yl, yh] = [`(${x} & ${mask})`, `(${x} >> ${half})`, `(${y} & ${mask})`, `(${y} >> ${half})`];
    return `let ${name}m = ${xh} * ${yl} + ((${xl} * ${yl}) >> ${half});
  let ${name}l = ${xl} * ${yh} + (${name}m & ${mask});
  let ${name} = ${xh} * ${yh} + (${name}m >> ${half}) + (${name}l >> ${half});`;
  };

/**
 * Payne and Hanek, over r and n where |a| > 2^17: |a| = m 2^e times the 96 bits of 2 / pi whose products matter modulo 4
 * quarter turns; `top` and `low` are a fixed-point number of them with 62 bits behind the point.
 */
const reduceLarge: Template = (t) => {
  const U = t('u32');
  return `if (any(abs(a) > ${t('f32')}(131072.0f))) {
    let u = bitcast<${U}>(a);
    let m = (u & ${U}(0x7fffffu)) | ${U}(0x800000u);
    let s = ((u & ${U}(0x7fffffffu)) >> ${U}(23u)) - ${U}(120u);
    ${tableWords(t)}
    let k = s & ${U}(31u);
    let c = ${U}(31u) - k;
    let h0 = (w0 << k) | ((w1 >> c) >> ${U}(1u));
    let h1 = (w1 << k) | ((w2 >> c) >> ${U}(1u));
    let h2 = (w2 << k) | ((w3 >> c) >> ${U}(1u));
    ${highProduct('h1', 'm', 'p1')(t)}
    ${highProduct('h2', 'm', 'p2')(t)}
    let low = h1 * m + p2;
    let top = h0 * m + p1 + select(${U}(0u), ${U}(1u), low < p2);
    let turns = (top + ${U}(0x20000000u)) >> ${U}(30u);
    let rest = top - (turns << ${U}(30u));
    let under = rest >= ${U}(0x80000000u);
    let hi = select(rest, ~rest + select(${U}(0u), ${U}(1u), low == ${U}(0u)), under);
    let lo = select(low, ~low + ${U}(1u), under);
    let mag = (${t('f32')}(hi) * 4294967296.0f + ${t('f32')}(lo)) * ${Math.fround((Math.PI / 2) * 2 ** -62)}f;
    let minus = a < ${t('f32')}(0.0f);
    let big = abs(a) > ${t('f32')}(131072.0f);
    r = select(r, select(mag, -mag, under != minus), big);
    n = select(n, select(${t('i32')}(turns), -${t('i32')}(turns), minus), big);
  }`;
};

/** sin (`turns` 0) or cos (1): quarter turns are taken away (Cody and Waite), then polynomials (Cephes). */
const sine = (turns: 0 | 1): LibraryTemplate =>
  unary(
    (t) => `let q = round(a * 0.63661975f);
  var r = ${codyWaite};
  var n = ${t('i32')}(q);
  ${reduceLarge(t)}
  let z = r * r;
  let s = r + r * z * (${horner('z', [-1.95152956e-4, 8.33216087e-3, -0.166666546])});
  let c = 1.0f - 0.5f * z + z * z * (${horner('z', [2.44331571e-5, -1.38873162e-3, 4.16666456e-2])});
  let p = n${turns === 1 ? ` + ${t('i32')}(1i)` : ''};
  let v = select(c, s, (p & ${t('i32')}(1i)) == ${t('i32')}(0i));
  let bits = bitcast<${t('u32')}>(a);
  let none = (bits & ${t('u32')}(0x7f800000u)) == ${t('u32')}(0x7f800000u);
  let w = select(v, -v, (p & ${t('i32')}(2i)) != ${t('i32')}(0i));
  return select(w, bitcast<${t('f32')}>(bits | ${t('u32')}(0x7fc00000u)), none);`,
  );

// ---- remainder

/**
 * a - trunc(a / b) b, exactly, subnormals included: long division of the significands, 8 bits of the quotient at a time.
 * NaN for infinite a, b = 0 and NaN.
 */
const remainder: LibraryTemplate = {
  result: 'f32',
  params: ['f32', 'f32'],
  body: (t) => {
    const [U, I] = [t('u32'), t('i32')];
    return `let ua = bitcast<${U}>(a) & ${U}(0x7fffffffu);
  let ub = bitcast<${U}>(b) & ${U}(0x7fffffffu);
  let ea = max(ua >> ${U}(23u), ${U}(1u));
  let eb = max(ub >> ${U}(23u), ${U}(1u));
  let ma = (ua & ${U}(0x7fffffu)) | select(${U}(0u), ${U}(0x800000u), ua >= ${U}(0x800000u));
  let mb = max((ub & ${U}(0x7fffffu)) | select(${U}(0u), ${U}(0x800000u), ub >= ${U}(0x800000u)), ${U}(1u));
  var r = ma % mb;
  var d = ${I}(ea) - ${I}(eb);
  while (any(d > ${I}(0i))) {
    let s = clamp(d, ${I}(0i), ${I}(8i));
    r = (r << ${U}(s)) % mb;
    d = d - s;
  }
  let z = max(countLeadingZeros(r), ${U}(8u)) - ${U}(8u);
  let normal = ((eb - z) << ${U}(23u)) + ((r << (z & ${U}(31u))) & ${U}(0x7fffffu));
  let tiny = r << ((eb - ${U}(1u)) & ${U}(31u));
  let rest = select(tiny, normal, (eb > z) & (r != ${U}(0u)));
  let none = (ua >= ${U}(0x7f800000u)) | (ub == ${U}(0u)) | (ub > ${U}(0x7f800000u));
  let m = select(select(rest, ua, ua < ub), ua | ${U}(0x7fc00000u), none);
  return bitcast<${t('f32')}>(m | (bitcast<${U}>(a) & ${U}(0x80000000u)));`;
  },
};

export const MATH: Readonly<Record<string, LibraryTemplate>> = {
  lac_log: logarithm(NATURAL),
  lac_logtwo: logarithm('l * 1.44269504f + e'),
  lac_log1p: log1p,
  lac_sigmoid: sigmoid,
  lac_tanh: tanh,
  lac_erf: erf,
  lac_sin: sine(0),
  lac_cos: sine(1),
  lac_fmod: remainder,
  lac_mulhi: {
    result: 'u32',
    params: ['u32', 'u32'],
    body: (t) => `${highProduct('a', 'b', 'h')(t)}\n  return h;`,
  },
};

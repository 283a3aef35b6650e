/** Loops over 64-bit registers that address arithmetic is made of; words instead of bigints. Low word first. */
import type { Execute } from './loops.js';

type Maker = (bases: readonly number[]) => Execute;
type Bases = readonly [number, number, number, number];

const maker =
  (make: (...bases: Bases) => Execute): Maker =>
  ([d = 0, a = 0, b = 0, c = 0]) =>
    make(d, a, b, c);

const WORD = 2 ** 32;

/** Shape letters: q 64 bits, u and s 32. */
export const WIDE_ROWS: Readonly<Record<string, { readonly shape: string; readonly make: Maker }>> = {
  ...both('add', 'q=qq', (d, a, b) => (w, lanes, n) => {
    const { u } = w;
    for (let i = 0; i < n; i++) {
      const l = 2 * (lanes[i] as number);
      const low = (u[a + l] as number) + (u[b + l] as number);
      u[d + l + 1] = (u[a + l + 1] as number) + (u[b + l + 1] as number) + (low >= WORD ? 1 : 0);
      u[d + l] = low;
    }
  }),
  ...both('sub', 'q=qq', (d, a, b) => (w, lanes, n) => {
    const { u } = w;
    for (let i = 0; i < n; i++) {
      const l = 2 * (lanes[i] as number);
      const low = (u[a + l] as number) - (u[b + l] as number);
      u[d + l + 1] = (u[a + l + 1] as number) - (u[b + l + 1] as number) - (low < 0 ? 1 : 0);
      u[d + l] = low;
    }
  }),
  'mul.wide.s32': { shape: 'q=ss', make: maker((d, a, b) => wideProduct(d, a, b, -1, true)) },
  'mul.wide.u32': { shape: 'q=uu', make: maker((d, a, b) => wideProduct(d, a, b, -1, false)) },
  'mad.wide.s32': { shape: 'q=ssq', make: maker((d, a, b, c) => wideProduct(d, a, b, c, true)) },
  'mad.wide.u32': { shape: 'q=uuq', make: maker((d, a, b, c) => wideProduct(d, a, b, c, false)) },
  ...Object.fromEntries(
    ['mov.b64', 'mov.u64', 'mov.s64', 'cvta.to.global.u64', 'cvta.global.u64'].map((name) => [
      name,
      { shape: 'q=q', make: maker((d, a) => copy(d, a)) },
    ]),
  ),
  ...Object.fromEntries(['b64', 'u64', 's64'].map((t) => [`selp.${t}`, { shape: 'q=qqu', make: maker(select) }])),
  'cvt.s64.s32': { shape: 'q=s', make: maker((d, a) => extend(d, a, true)) },
  'cvt.u64.u32': { shape: 'q=u', make: maker((d, a) => extend(d, a, false)) },
  ...Object.fromEntries(
    ['cvt.u32.u64', 'cvt.s32.s64', 'cvt.u32.s64', 'cvt.s32.u64'].map((name) => [
      name,
      { shape: 'u=q', make: maker(narrow) },
    ]),
  ),
};

function both(
  stem: string,
  shape: string,
  make: (...bases: Bases) => Execute,
): Record<string, { shape: string; make: Maker }> {
  return Object.fromEntries(['s64', 'u64', 'b64'].map((t) => [`${stem}.${t}`, { shape, make: maker(make) }]));
}

/** a * b + c; c is left out where its base is -1. The upper word is made of products of halves, none above 2^32. */
function wideProduct(d: number, a: number, b: number, c: number, signed: boolean): Execute {
  return ({ u }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const x = u[a + l] as number;
      const y = u[b + l] as number;
      const t = (x >>> 16) * (y & 0xffff) + (((x & 0xffff) * (y & 0xffff)) >>> 16);
      const v = (x & 0xffff) * (y >>> 16) + (t & 0xffff);
      let low = Math.imul(x, y) >>> 0;
      let high = (x >>> 16) * (y >>> 16) + (t >>> 16) + (v >>> 16);
      if (signed) high -= (x > 0x7fffffff ? y : 0) + (y > 0x7fffffff ? x : 0);
      if (c >= 0) {
        low += u[c + 2 * l] as number;
        high += (u[c + 2 * l + 1] as number) + (low >= WORD ? 1 : 0);
      }
      u[d + 2 * l] = low;
      u[d + 2 * l + 1] = high;
    }
  };
}

function copy(d: number, a: number): Execute {
  return ({ u }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = 2 * (lanes[i] as number);
      u[d + l] = u[a + l] as number;
      u[d + l + 1] = u[a + l + 1] as number;
    }
  };
}

function select(d: number, a: number, b: number, p: number): Execute {
  return ({ u }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const from = u[p + l] !== 0 ? a : b;
      u[d + 2 * l] = u[from + 2 * l] as number;
      u[d + 2 * l + 1] = u[from + 2 * l + 1] as number;
    }
  };
}

function extend(d: number, a: number, signed: boolean): Execute {
  return ({ u, s }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const x = s[a + l] as number;
      u[d + 2 * l] = x;
      u[d + 2 * l + 1] = signed && x < 0 ? 0xffffffff : 0;
    }
  };
}

function narrow(d: number, a: number): Execute {
  return ({ u }, lanes, n) => {
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      u[d + l] = u[a + 2 * l] as number;
    }
  };
}

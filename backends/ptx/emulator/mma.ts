import { f16Values, halfBits, halfValue } from './half.js';
import type { Execute } from './loops.js';

/** How elements of operands lie in registers: two 16-bit floats, or one tf32 with its low 13 bits ignored. */
type Element = 'f16' | 'bf16' | 'tf32';

/**
 * mma.sync.m16n8kK: registers of each fragment and the loop. Sums are exact products added in f64 and rounded once; the
 * hardware adds in its own order with fewer bits, which is not specified.
 */
export interface Product {
  readonly registers: { readonly a: number; readonly b: number; readonly c: number };
  make(d: readonly number[], a: readonly number[], b: readonly number[], c: readonly number[]): Execute;
}

const FORM = /^mma\.sync\.aligned\.m16n8k(4|8|16)\.row\.col\.(f32|f16)\.(f16|bf16|tf32)\.(f16|bf16|tf32)\.(f32|f16)$/;

/** The product of an opcode; null for shapes and types that are not built. */
export function productOf(opcode: string): Product | null {
  const match = FORM.exec(opcode);
  if (match === null || match[3] !== match[4] || match[2] !== match[5]) return null;
  const [k, element, half] = [Number(match[1]), match[3] as Element, match[2] === 'f16'];
  const deep = element === 'tf32' ? 4 : 8;
  if ((k !== deep && k !== 2 * deep) || (half && element !== 'f16')) return null;
  const [a, b] = k === deep ? [2, 1] : [4, 2];
  return {
    registers: { a, b, c: half ? 2 : 4 },
    make: (d, ra, rb, c) => multiplier(element, k, half, d, ra, rb, c),
  };
}

const M = 16;
const N = 8;

function multiplier(
  element: Element,
  k: number,
  half: boolean,
  d: readonly number[],
  a: readonly number[],
  b: readonly number[],
  c: readonly number[],
): Execute {
  const left = new Float32Array(M * k);
  const right = new Float32Array(N * k);
  const sums = new Float64Array(M * N);
  const unpackA = unpacker(element, k, a, true, left);
  const unpackB = unpacker(element, k, b, false, right);
  return (w) => {
    unpackA(w.u);
    unpackB(w.u);
    if (half) readHalves(w.u, c, sums);
    else readFloats(w.f, c, sums);
    multiply(left, right, k, sums);
    if (half) writeHalves(w.u, d, sums);
    else writeFloats(w.f, d, sums);
  };
}

/** sums += left right^T: rows of k elements each. Blocks of 2 x 4 sums stay in registers, which is twice as fast as one. */
function multiply(left: Float32Array, right: Float32Array, k: number, sums: Float64Array): void {
  for (let m = 0; m < M; m += 2) {
    for (let n = 0; n < N; n += 4) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let t0 = 0;
      let t1 = 0;
      let t2 = 0;
      let t3 = 0;
      for (let i = 0; i < k; i++) {
        const x = left[m * k + i] as number;
        const y = left[m * k + k + i] as number;
        const at = n * k + i;
        const p = right[at] as number;
        const q = right[at + k] as number;
        s0 += x * p;
        t0 += y * p;
        s1 += x * q;
        t1 += y * q;
        const r = right[at + 2 * k] as number;
        const v = right[at + 3 * k] as number;
        s2 += x * r;
        t2 += y * r;
        s3 += x * v;
        t3 += y * v;
      }
      add(sums, m * N + n, s0, s1, s2, s3);
      add(sums, m * N + N + n, t0, t1, t2, t3);
    }
  }
}

function add(sums: Float64Array, at: number, a: number, b: number, c: number, d: number): void {
  sums[at] = (sums[at] as number) + a;
  sums[at + 1] = (sums[at + 1] as number) + b;
  sums[at + 2] = (sums[at + 2] as number) + c;
  sums[at + 3] = (sums[at + 3] as number) + d;
}

/**
 * Fills rows of k elements from registers. Lane 4 g + t: register i of A holds row g + 8 (i & 1), of B row g; its elements
 * begin at column t (tf32) or 2 t (16 bits), further registers half of k behind. bf16 and tf32 are f32 with fewer bits.
 */
function unpacker(
  element: Element,
  k: number,
  registers: readonly number[],
  isA: boolean,
  rows: Float32Array,
): (u: Uint32Array) => void {
  const bits = new Uint32Array(rows.buffer);
  const perRegister = element === 'tf32' ? 1 : 2;
  const step = 4 * perRegister;
  return (u) => {
    for (let i = 0; i < registers.length; i++) {
      const base = registers[i] as number;
      const first = isA ? 8 * (i & 1) * k + step * (i >> 1) : step * i;
      for (let l = 0; l < 32; l++) {
        const word = u[base + l] as number;
        const at = first + (l >> 2) * k + perRegister * (l & 3);
        if (element === 'bf16') {
          bits[at] = word << 16;
          bits[at + 1] = word & 0xffff0000;
        } else if (element === 'tf32') bits[at] = word & 0xffffe000;
        else {
          rows[at] = halves[word & 0xffff] as number;
          rows[at + 1] = halves[word >>> 16] as number;
        }
      }
    }
  };
}

const halves = f16Values();

/** Accumulators: lane 4 g + t holds columns 2 t and 2 t + 1 of row g, then of row g + 8. */
const placeOf = (l: number, i: number): number => ((l >> 2) + 8 * (i >> 1)) * N + 2 * (l & 3) + (i & 1);

function readFloats(f: Float32Array, c: readonly number[], sums: Float64Array): void {
  for (let i = 0; i < 4; i++) for (let l = 0; l < 32; l++) sums[placeOf(l, i)] = f[(c[i] as number) + l] as number;
}

function writeFloats(f: Float32Array, d: readonly number[], sums: Float64Array): void {
  for (let i = 0; i < 4; i++) for (let l = 0; l < 32; l++) f[(d[i] as number) + l] = sums[placeOf(l, i)] as number;
}

function readHalves(u: Uint32Array, c: readonly number[], sums: Float64Array): void {
  for (let i = 0; i < 4; i++)
    for (let l = 0; l < 32; l++)
      sums[placeOf(l, i)] = halfValue('f16', (u[(c[i >> 1] as number) + l] as number) >>> (16 * (i & 1)));
}

function writeHalves(u: Uint32Array, d: readonly number[], sums: Float64Array): void {
  const bits = (l: number, i: number): number => halfBits('f16', sums[placeOf(l, i)] as number);
  for (let i = 0; i < 2; i++)
    for (let l = 0; l < 32; l++) u[(d[i] as number) + l] = bits(l, 2 * i) | (bits(l, 2 * i + 1) << 16);
}

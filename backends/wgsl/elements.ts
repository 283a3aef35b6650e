import { is16Bit } from '../../compiler/ir/types.js';
import type { ArgState } from './bindings.js';
import type { Emitter } from './emitter.js';

/** One element of a buffer at a text index (in elements), as its lane type. */
export function readOne(e: Emitter, a: ArgState, offset: string): string {
  if (is16Bit(a.dtype)) {
    const entry = a.wide ? `${a.text}[${offset} >> 2u][(${offset} >> 1u) & 1i]` : `${a.text}[${offset} >> 1u]`;
    const word = a.atomic ? `atomicLoad(&${entry})` : entry;
    return `${e.use(`lac_${a.dtype}_at`)}(${word}, ${offset} & 1i)`;
  }
  if (a.wide) return `${a.text}[${offset} >> 2u][${offset} & 3i]`;
  const entry = `${a.text}[${offset}]`;
  if (!a.atomic) return entry;
  return a.dtype === 'f32' ? `bitcast<f32>(atomicLoad(&${entry}))` : `atomicLoad(&${entry})`;
}

export function readFour(e: Emitter, a: ArgState, offset: string): string {
  const entry = `${a.text}[${offset} >> 2u]`;
  return is16Bit(a.dtype) ? `${e.use(`lac_${a.dtype}_four`)}(${entry})` : entry;
}

/** Lanes outside read element 0 and are replaced by pad: a select, so that what memory holds there reaches nothing. */
export const guarded = (
  e: Emitter,
  condition: string | null,
  offset: string,
  pad: string,
  read: (o: string) => string,
): string => {
  if (condition === null) return read(e.let(offset));
  const ok = e.let(condition, 'k');
  return `select(${pad}, ${read(e.let(`select(0i, ${offset}, ${ok})`))}, ${ok})`;
};

export function writeFour(e: Emitter, a: ArgState, offset: string, group: string): string {
  if (!is16Bit(a.dtype)) return `${a.text}[(${offset}) >> 2u] = ${group};`;
  return `${a.text}[(${offset}) >> 2u] = ${e.use(`lac_${a.dtype}_pack`)}(${group});`;
}

/** One element, which nobody else writes at the same time. */
export function writeOne(e: Emitter, a: ArgState, offset: string, value: string): string {
  if (is16Bit(a.dtype)) return `${halfWriter(e, a, SET)}(${offset}, ${bitsOf(e, a, value)});`;
  if (!a.atomic) return `${a.text}[${offset}] = ${value};`;
  return `atomicStore(&${a.text}[${offset}], ${a.dtype === 'f32' ? `bitcast<u32>(${value})` : value});`;
}

/** One element, which other invocations may write at the same time: the value of one of them stays. */
export const contend = (e: Emitter, a: ArgState, offset: string, value: string): string =>
  is16Bit(a.dtype) ? `${halfWriter(e, a, REPLACE)}(${offset}, ${bitsOf(e, a, value)});` : writeOne(e, a, offset, value);

const bitsOf = (e: Emitter, a: ArgState, value: string): string =>
  `${e.use(`lac_${a.dtype}_bits`)}(vec4<f32>(${value})).x`;

interface HalfWriter {
  readonly name: string;
  /** Statements on the word `w`, the shift `s` and the bits `v`. */
  readonly body: (word: string) => string;
}

/**
 * A 16-bit element shares its word with a neighbour that another invocation or program may own: its own half is cleared
 * and set by two atomics, which leave the other half as it is whatever happens between them.
 */
const SET: HalfWriter = {
  name: 'set',
  body: (word) => `atomicAnd(&${word}, ~(0xffffu << s));
  atomicOr(&${word}, v << s);`,
};

/** Two writers of one half would mix their bits in SET. */
const REPLACE: HalfWriter = {
  name: 'replace',
  body: (word) => compareAndSwap(word, '(old & ~(0xffffu << s)) | (v << s)'),
};

/** Ends: of the invocations that meet at a word, one exchanges it in every round. */
const compareAndSwap = (word: string, next: string): string => `var old = atomicLoad(&${word});
  loop {
    let swap = atomicCompareExchangeWeak(&${word}, old, ${next});
    if (swap.exchanged) { break; }
    old = swap.old_value;
  }`;

const halfWriter = (e: Emitter, a: ArgState, { name, body }: HalfWriter): string =>
  e.helper(
    `${name}_${a.text}`,
    (f) => `fn ${f}(o: i32, v: u32) {
  let s = u32(o & 1i) * 16u;
  ${body(`${a.text}[o >> 1u]`)}
}`,
  );

/** WGSL adds no floats atomically: they are exchanged by their bits. */
export function addOne(e: Emitter, a: ArgState, offset: string, value: string): string {
  if (a.dtype !== 'f32') return `atomicAdd(&${a.text}[${offset}], ${value});`;
  const add = e.helper(
    `add_${a.text}`,
    (f) => `fn ${f}(o: i32, v: f32) {
  ${compareAndSwap(`${a.text}[o]`, 'bitcast<u32>(bitcast<f32>(old) + v)')}
}`,
  );
  return `${add}(${offset}, ${value});`;
}

/** Tensors as steps of plans see them. */
import type { ViewStep } from '../compiler/artifact.js';
import type { Expr } from '../compiler/expr.js';
import { sizeOf } from '../compiler/ir/types.js';
import { reshapedStrides } from './strides.js';

/** A window on a tensor; the offset counts from its element 0. */
export interface Window {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Why there is no such window. */
export class NoView {
  readonly why: string;
  constructor(why: string) {
    this.why = why;
  }
}

/** What is seen of a tensor through these views, one after the other; `size` gives sizes. */
export function windowOf(
  tensor: Pick<Window, 'shape' | 'strides'>,
  view: readonly ViewStep[],
  size: (e: Expr) => number,
): Window | NoView {
  let window: Window | NoView = { shape: tensor.shape, strides: tensor.strides, offset: 0 };
  for (const step of view) {
    if (window instanceof NoView) return window;
    if ('reshape' in step) window = reshaped(window, step.reshape.map(size));
    else if ('permute' in step) window = permuted(window, step.permute);
    else window = sliced(window, size(step.slice[0]), size(step.slice[1]));
  }
  return window;
}

const list = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
const isWhole = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;

function reshaped({ shape, strides, offset }: Window, to: readonly number[]): Window | NoView {
  if (!to.every(isWhole) || sizeOf(to) !== sizeOf(shape)) return new NoView(`${list(shape)} cannot be ${list(to)}`);
  const own = reshapedStrides(shape, strides, to);
  if (own !== null) return { shape: to, strides: own, offset };
  return new NoView(`${list(shape)} with strides ${list(strides)} is ${list(to)} in no strides`);
}

function permuted({ shape, strides, offset }: Window, axes: readonly number[]): Window | NoView {
  if (axes.length !== shape.length || !shape.every((_, axis) => axes.includes(axis)))
    return new NoView(`${list(axes)} is no order of the axes of ${list(shape)}`);
  const pick = (of: readonly number[]): number[] => axes.map((axis) => of[axis] as number);
  return { shape: pick(shape), strides: pick(strides), offset };
}

function sliced({ shape, strides, offset }: Window, begin: number, end: number): Window | NoView {
  const [first, ...inner] = shape;
  if (first === undefined || ![begin, end].every(isWhole) || begin > end || end > first)
    return new NoView(`${list(shape)} has no part from ${begin} to ${end}`);
  const part = [end - begin, ...inner];
  // What has no element may begin behind the last.
  return { shape: part, strides, offset: sizeOf(part) === 0 ? offset : offset + begin * (strides[0] as number) };
}

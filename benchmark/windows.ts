import { decode } from '../runtime/codec.js';
import { poisonPattern } from '../runtime/guards.js';
import type { Tensor } from '../runtime/tensor.js';

/** Elements of a window, and windows of a tensor: 16k elements are read of any tensor. */
const WIDTH = 512;
const COUNT = 32;

/** What stands at fixed places all over a tensor: tensors of one shape are read at the same ones. */
export async function windowsOf(tensor: Tensor): Promise<Float64Array> {
  const extent = tensor.size;
  const width = Math.min(extent, WIDTH);
  const count = Math.min(COUNT, Math.ceil(extent / WIDTH));
  const parts: Float64Array[] = [];
  for (let i = 0; i < count; i++) {
    // Even, so that no row of 16-bit elements begins inside a word.
    const begin = count === 1 ? 0 : 2 * Math.floor(((i / (count - 1)) * (extent - width)) / 2);
    const end = i === count - 1 ? extent : begin + width;
    parts.push(await tensor.view([end - begin], [1], begin).read());
  }
  return concatenated(parts);
}

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Elements that nobody has written since the tensor was poisoned. NaN counts: no right output has one. */
export function neverWritten({ dtype }: Pick<Tensor, 'dtype'>, values: Float64Array): number {
  const poison = decode(dtype, poisonPattern(dtype, 1))[0] as number;
  return values.reduce((n, value) => n + Number(Object.is(value, poison)), 0);
}

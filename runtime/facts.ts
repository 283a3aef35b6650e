import type { ArgFacts } from '../compiler/artifact.js';
import type { Tensor } from './tensor.js';

/** Widest multiple that variants distinguish, elements: 8 of 16 bits are 16 bytes. */
const MAX_ALIGN = 8;

/**
 * What is true of a tensor's addresses. Axes of extent 0 or 1 say nothing: their index is always 0. The last axis counts
 * as contiguous then too.
 */
export function factsOf(tensor: Pick<Tensor, 'shape' | 'strides' | 'offset'>): ArgFacts {
  const last = tensor.shape.length - 1;
  const steps = tensor.strides.filter((_, axis) => axis !== last && (tensor.shape[axis] as number) > 1);
  const contiguous = last < 0 || (tensor.shape[last] as number) <= 1 || tensor.strides[last] === 1;
  let align = MAX_ALIGN;
  const multiples = [tensor.offset, ...steps, tensor.shape[last] ?? 0];
  while (align > 1 && multiples.some((n) => n % align !== 0)) align /= 2;
  return { contiguous, align };
}

/** Whether code compiled under `assumed` is right for a tensor of which `actual` holds. */
export const factsHold = (assumed: ArgFacts, actual: ArgFacts): boolean =>
  (!assumed.contiguous || actual.contiguous) && actual.align % assumed.align === 0;

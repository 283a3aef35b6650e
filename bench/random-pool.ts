import { randomStream } from '../driver/random.js';
import { encode, type Raw, type Tensor, type TensorDType } from '../runtime/index.js';

/** So many standard normal values, as a dtype keeps them. The same name gives the same values. */
export function randomPool(dtype: TensorDType, name: string, count: number): Raw {
  const random = randomStream(1, name);
  return encode(
    dtype,
    Float64Array.from({ length: count }, () => random.normal()),
  );
}

/** Fills a contiguous tensor with values that repeat. */
export function fillRepeating(tensor: Tensor, raw: Raw): void {
  for (let at = 0; at < tensor.size; at += raw.length) {
    const count = Math.min(raw.length, tensor.size - at);
    tensor.view([count], undefined, at).write(raw.subarray(0, count));
  }
}

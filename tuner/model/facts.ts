import type { ArgFacts, ArgSpec } from '../../compiler/artifact.js';
import { isTensorArg } from '../../driver/inputs.js';
import type { Dims } from '../../driver/reference.js';
import { factsOf } from '../../runtime/facts.js';

/** What contiguous tensors of these sizes fulfil; nothing is known of arguments whose sizes are missing. */
export function contiguousFacts(args: readonly ArgSpec[], dims: Dims): Readonly<Record<string, ArgFacts>> {
  return Object.fromEntries(
    args.filter(isTensorArg).flatMap(({ name, dims: axes }) => {
      const shape = axes.map((d) => dims[d]);
      if (!shape.every((n) => n !== undefined)) return [];
      const strides = shape.map((_, i) => shape.slice(i + 1).reduce((n, x) => n * x, 1));
      return [[name, factsOf({ shape, strides, offset: 0 })]];
    }),
  );
}

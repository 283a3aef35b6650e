import fc from 'fast-check';
import type { DType } from '../../../compiler/ir/types.js';
import { type Layout, makeLayout, tileBits } from '../../../compiler/layout/layout.js';
import { layoutText } from '../../../compiler/layout/text.js';
import { surjective } from '../../layout/arbitrary.js';

/** Text of a tile type with its layout, as the grammar reads it. */
export const tileText = (dtype: DType, l: Layout): string =>
  `tile<${l.shape.map((n) => `${n}x`).join('')}${dtype}> @ ${layoutText(l)}`;

export const viewText = (access: 'in' | 'out' | 'inout', dtype: DType, dims: readonly string[]): string =>
  `view<${access} ${dims.map(() => '?x').join('')}${dtype}> [${dims.join(', ')}]`;

/** Shapes of up to 2^most elements. */
export const shapesOf = (ranks: readonly number[], most: number): fc.Arbitrary<number[]> =>
  fc
    .constantFrom(...ranks)
    .chain((n) => fc.array(fc.integer({ min: 0, max: 5 }), { minLength: n, maxLength: n }))
    .filter((bits) => bits.reduce((a, b) => a + b, 0) <= most)
    .map((bits) => bits.map((b) => 2 ** b));

/** Row-major layouts as accesses have them: 2^vector neighbours, then lanes, warps, registers. */
export function straight(shape: readonly number[], warpBits: number, vector: number): Layout {
  const bits = Array.from({ length: tileBits(shape) }, (_, i) => 2 ** i);
  const take = (n: number): number[] => [...bits.splice(0, n), ...new Array<number>(n).fill(0)].slice(0, n);
  const first = bits.splice(0, vector);
  const [lane, warp] = [take(5), take(warpBits)];
  return makeLayout(shape, { register: [...first, ...bits], lane, warp });
}

/** Layouts of a shape over lanes and warps: any linear map, and those that accesses like. */
export const threadLayouts = (shape: readonly number[], warpBits: number): fc.Arbitrary<Layout> =>
  fc.oneof(
    surjective(shape, { lane: 5, warp: warpBits }),
    fc.integer({ min: 0, max: 3 }).map((vector) => straight(shape, warpBits, vector)),
  );

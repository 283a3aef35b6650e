import { interpretKernel } from '../../compiler/interp/interpret.js';
import type { Mode, TensorArg } from '../../compiler/interp/machine.js';
import type { Kernel } from '../../compiler/ir/module.js';
import type { ViewType } from '../../compiler/ir/types.js';
import { roundTo } from '../../compiler/ops/round.js';

const SIZES: Readonly<Record<string, number>> = { P: 2, R: 6, K: 7, WR: 9, WC: 5, S: 7 };

/**
 * Runs a kernel of generate.ts with fixed inputs, a NaN and an infinity among them unless `exact`; gives every element
 * of what it wrote.
 */
export function launch(kernel: Kernel, mode: Mode, exact = false): Record<string, number[]> {
  const args: Record<string, TensorArg | number> = {};
  const dims: Record<string, number> = { ...SIZES };
  for (const p of kernel.params) {
    if (p.kind === 'scalar') args[p.name] = p.dtype === 'f32' ? (exact ? 3 : 0.7) : 3;
    else {
      const { extents, dtype, access } = p.value.type as ViewType;
      const shape = extents.map((e, i) => e ?? SIZES[p.dims[i] ?? ''] ?? 1);
      p.dims.forEach((name, i) => {
        dims[name] = shape[i] ?? 1;
      });
      args[p.name] = tensor(shape, (i) => (access === 'out' ? NaN : roundTo(dtype, element(i, exact))), dtype);
    }
  }
  interpretKernel(kernel, args, { mode, grid: { p: SIZES.P ?? 1 }, dims });
  const written = kernel.params.filter((p) => p.kind === 'view' && (p.value.type as ViewType).access !== 'in');
  return Object.fromEntries(written.map((p) => [p.name, [...(args[p.name] as TensorArg).data]]));
}

function element(i: number, exact: boolean): number {
  if (exact) return ((i * 7) % 11) - 5;
  return i === 11 ? NaN : i === 17 ? Infinity : Math.sin(i * 3.7) * 2;
}

function tensor(shape: readonly number[], f: (i: number) => number, dtype: TensorArg['dtype']): TensorArg {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((n, e) => n * e, 1));
  const data = Float64Array.from({ length: shape.reduce((n, e) => n * e, 1) }, (_, i) => f(i));
  return { data, dtype, shape, strides, offset: 0 };
}

import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { bytesOf, type DType, sizeOf } from '../compiler/ir/types.js';
import { dtypeOf, isTensorArg, shapeOf } from '../driver/inputs.js';
import type { Dims, OptionValue, Reference } from '../driver/reference.js';
import type { Declaration } from '../driver/source.js';
import type { Bound, CeilingName, Ceilings, Figures, Work } from './types.js';

/** What decides how much work a launch is. */
export interface WorkContext {
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Tensor arguments that the launches touch. */
  readonly touched: ReadonlySet<string>;
}

/**
 * Bytes: every touched input once, every touched output once, what is both twice; or what the reference says, for kernels
 * that gather. Operations: what the reference says, the same whatever the implementation; null where it does not.
 */
export function workOf(decl: Declaration, reference: Reference | null, context: WorkContext): Work {
  const { dims, options } = context;
  const says = (what: 'bytes' | 'flops' | 'tokens'): number | null => {
    const value = reference?.[what]?.(dims, options);
    if (value === undefined) return null;
    if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value;
    const shown = typeof value === 'number' ? value : typeof value;
    throw new LacError(diagnostic('LAC0903', `\`${what}\` of the reference of ${decl.name} gives ${shown}, no count`));
  };
  return { bytes: says('bytes') ?? argumentBytes(decl, context), flops: says('flops'), tokens: says('tokens') };
}

function argumentBytes({ args }: Declaration, { dims, dtypes, touched }: WorkContext): number {
  return args
    .filter(isTensorArg)
    .filter(({ name }) => touched.has(name))
    .reduce((sum, arg) => {
      const once = sizeOf(shapeOf(arg, dims)) * bytesOf(dtypeOf(arg, dtypes));
      return sum + once * (arg.dir === 'inout' ? 2 : 1);
    }, 0);
}

/** Ceiling of the arithmetic: that of products, by the dtype of their operands, where the kernel has any. */
export function arithmeticCeiling(hasProducts: boolean, inputs: readonly DType[]): CeilingName {
  if (!hasProducts) return 'multiply-add';
  const half = inputs.find((dtype) => dtype === 'bf16' || dtype === 'f16');
  return half === 'bf16' || half === 'f16' ? `product ${half}` : 'product f32';
}

/** The least time for the work: moving its bytes or doing its arithmetic, whichever takes longer. Null where neither ceiling is known. */
export function boundOf({ bytes, flops }: Work, ceilings: Ceilings, arithmetic: CeilingName): Bound | null {
  const times = (['copy', arithmetic] as const).flatMap((by): Bound[] => {
    const amount = by === 'copy' ? bytes : flops;
    const perSecond = ceilings[by]?.perSecond;
    return perSecond === undefined || amount === null || amount === 0 ? [] : [{ ms: (amount / perSecond) * 1e3, by }];
  });
  return times.reduce<Bound | null>((most, one) => (most === null || one.ms > most.ms ? one : most), null);
}

/** Rates of a contender at a point, a second. */
export interface Rates {
  readonly bytes: number;
  readonly flops: number | null;
  readonly tokens: number | null;
  /** Part of what the ceilings allow, 0 to about 1. */
  readonly ofBound: number | null;
}

export function ratesOf({ bytes, flops, tokens }: Work, bound: Bound | null, { medianMs }: Figures): Rates | null {
  if (!(medianMs > 0)) return null;
  const rate = (amount: number): number => (amount / medianMs) * 1e3;
  return {
    bytes: rate(bytes),
    flops: flops === null ? null : rate(flops),
    tokens: tokens === null ? null : rate(tokens),
    ofBound: bound === null ? null : bound.ms / medianMs,
  };
}

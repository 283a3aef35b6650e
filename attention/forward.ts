import { lightningFwd } from '../kernels/lightning/forward.js';
import { lightningPacked } from '../kernels/lightning/packed.js';
import { lightningSegments } from '../kernels/lightning/segments.js';
import type { Device, LaunchArgs, Tensor } from '../runtime/index.js';
import { AXES, exclusive, INPUTS, type Order } from './arguments.js';
import { Call, decayOptions } from './call.js';
import { chooseDivision } from './choose.js';
import { Operator } from './operator.js';
import { type Launchable, type Options, variantOf } from './variants.js';

/** Dtypes of q, k, v and o; states and decays are f32. */
export type FloatDType = 'f32' | 'f16' | 'bf16';

/** Order of the axes of q, k, v and o: [B, H, N, D], or [B, N, H, D]. */
export type Layout = 'bhnd' | 'bnhd';

/** What every call takes: q, k [.., D], v [.., E], in one dtype. */
export interface AttentionInputs<T extends FloatDType> {
  readonly q: Tensor<T>;
  /** HK heads; query head h reads head floor(h HK / H). */
  readonly k: Tensor<T>;
  readonly v: Tensor<T>;
  /** [H], >= 0, in 1/token: a token decays by exp(-slope). Neither it nor `g`: nothing decays. */
  readonly slope?: Tensor<'f32'> | null;
  /** [B, H, N] (in the order of `layout`), <= 0: the natural log of each token's decay. */
  readonly g?: Tensor<'f32'> | null;
}

/** How the tokens lie. */
export interface Placement {
  /** Default 'bhnd'. */
  readonly layout?: Layout;
  /** [S + 1], ascending: q, k, v, o are [N, H, D], g [N, H], and sequence s has tokens offset_s <= n < offset_(s+1). */
  readonly offset?: Tensor<'i32'> | null;
  /** Time runs backwards: h0 stands after the last token, hT before the first. */
  readonly reverse?: boolean;
}

export interface ForwardArgs<T extends FloatDType, F extends boolean> extends AttentionInputs<T>, Placement {
  /** [B, H, D, E], [S, H, D, E] of packed sequences: the state before the first token. */
  readonly h0?: Tensor<'f32'> | null;
  /** Whether the state after the last token is wanted. */
  readonly finalState?: F;
  /** Where the output goes; a new tensor where it is absent. */
  readonly o?: Tensor<T> | null;
  /** 16-bit inputs: what is computed on the way is not rounded to 16 bits. A third less error, slower. */
  readonly precise?: boolean;
}

export interface ForwardResult<T extends FloatDType, F extends boolean> {
  readonly o: Tensor<T>;
  /** null where it was not asked for. */
  readonly hT: F extends true ? Tensor<'f32'> : null;
}

const OPERATOR = new Operator('lightningAttention', {
  ...INPUTS,
  offset: { dtype: 'i32', dir: 'in', axes: AXES.offset },
  h0: { dtype: 'f32', dir: 'in', axes: AXES.state },
  o: { dtype: 'T', dir: 'out', axes: AXES.o },
  hT: { dtype: 'f32', dir: 'out', axes: AXES.state },
});

/** What kernels of sequences of one length take. */
const UNPACKED = OPERATOR.names.filter((name) => name !== 'offset');

/**
 * Lightning Attention of whole sequences: S_t = a_t S_(t-1) + k_t v_t, o_t = q_t S_t, with a_t = exp(-slope_h), exp(g_t) or 1.
 * Resolves when the work is submitted. Throws LacError: LAC0601 to LAC0626 for what is wrong with the arguments, before
 * anything is launched.
 */
export async function forward<T extends FloatDType, const F extends boolean = false>(
  device: Device,
  args: ForwardArgs<T, F>,
): Promise<ForwardResult<T, F>> {
  const { layout = 'bhnd', reverse = false, finalState = false, precise = false, ...tensors } = args;
  exclusive(OPERATOR.what, args, ['offset', 'layout'], 'packed sequences are [N, H, D]');
  const order: Order = tensors.offset ? 'packed' : layout;
  const call = new Call(OPERATOR, device, order, tensors as LaunchArgs);
  const o = call.output('o');
  const hT = finalState ? call.output('hT') : null;
  const options = { ...decayOptions(call), initialState: call.has('h0'), finalState, reverse, precise };
  const { launch, names } = routeOf(call, options);
  await call.run(() => launch(device, call.passing(names, { o, hT })));
  return { o, hT } as unknown as ForwardResult<T, F>;
}

type Chosen = Options & { readonly reverse: boolean; readonly precise: boolean };

/** The kernel or plan, and which arguments it takes. */
function routeOf(call: Call, options: Chosen): { readonly launch: Launchable; readonly names: readonly string[] } {
  if (call.order === 'packed') return { launch: variantOf(lightningPacked, options), names: OPERATOR.names };
  const { B = 0, H = 0, N = 0 } = call.dims;
  const { reverse, precise, ...common } = options;
  // The plan knows neither: one launch serves them.
  const divided = !reverse && !precise && chooseDivision({ B, H, N }, call.device) === 'segments';
  return {
    launch: divided ? variantOf(lightningSegments, common) : variantOf(lightningFwd, options),
    names: UNPACKED,
  };
}

import { lightningBwd } from '../kernels/lightning/backward.js';
import { lightningPackedBwd } from '../kernels/lightning/packed-backward.js';
import { lightningSegmentsBwd } from '../kernels/lightning/segments-backward.js';
import type { Device, LaunchArgs, Tensor } from '../runtime/index.js';
import { AXES, exclusive, INPUTS, refuse } from './arguments.js';
import { Call, decayOptions } from './call.js';
import { chooseDivision } from './choose.js';
import type { AttentionInputs, FloatDType, Placement } from './forward.js';
import { Operator } from './operator.js';
import { type Launchable, type Options, variantOf } from './variants.js';

/** Gradients that cost more than those of q, k, v and h0. */
export type Wanted = 'dslope' | 'dg';

export interface BackwardArgs<T extends FloatDType, W extends Wanted> extends AttentionInputs<T>, Placement {
  /** Gradient of the loss by the output: shape and order of `o`. */
  readonly dout: Tensor<T>;
  /** The state that the forward pass began from. */
  readonly h0?: Tensor<'f32'> | null;
  /** Gradient of the loss by the final state, where the loss depends on it. */
  readonly dhT?: Tensor<'f32'> | null;
  /** What is wanted besides dq, dk, dv and, where h0 is given, dh0; each needs the input that it is the gradient of. */
  readonly wants?: readonly W[];
  /** Where gradients go; new tensors where they are absent. */
  readonly dq?: Tensor<T> | null;
  readonly dk?: Tensor<T> | null;
  readonly dv?: Tensor<T> | null;
  /** 16-bit inputs: what is computed on the way is not rounded to 16 bits. */
  readonly precise?: boolean;
}

/** Gradients in the shapes and orders of what they are the gradients of; null where there is none, or it was not wanted. */
export interface BackwardResult<T extends FloatDType, W extends Wanted> {
  readonly dq: Tensor<T>;
  readonly dk: Tensor<T>;
  readonly dv: Tensor<T>;
  readonly dh0: Tensor<'f32'> | null;
  readonly dslope: 'dslope' extends W ? Tensor<'f32'> : null;
  readonly dg: 'dg' extends W ? Tensor<'f32'> : null;
}

const OPERATOR = new Operator('lightningAttention.backward', {
  ...INPUTS,
  dout: { dtype: 'T', dir: 'in', axes: AXES.o, needed: true },
  offset: { dtype: 'i32', dir: 'in', axes: AXES.offset },
  h0: { dtype: 'f32', dir: 'in', axes: AXES.state },
  dhT: { dtype: 'f32', dir: 'in', axes: AXES.state },
  dq: { dtype: 'T', dir: 'out', axes: AXES.q },
  dk: { dtype: 'T', dir: 'out', axes: AXES.k },
  dv: { dtype: 'T', dir: 'out', axes: AXES.v },
  dh0: { dtype: 'f32', dir: 'out', axes: AXES.state },
  dslope: { dtype: 'f32', dir: 'out', axes: AXES.slope },
  dg: { dtype: 'f32', dir: 'out', axes: AXES.g },
});

/** What kernels of sequences of one length take. */
const UNPACKED = OPERATOR.names.filter((name) => name !== 'offset');

const INPUT_OF = { dslope: 'slope', dg: 'g' } as const;

/**
 * Gradients of Lightning Attention, from its inputs alone: no output of the forward pass is needed. Nothing is added
 * atomically: the same inputs give the same bits. Resolves when the work is submitted; throws as the forward pass.
 */
export async function backward<T extends FloatDType, const W extends Wanted = never>(
  device: Device,
  args: BackwardArgs<T, W>,
): Promise<BackwardResult<T, W>> {
  const { layout = 'bhnd', reverse = false, precise = false, wants = [], ...tensors } = args;
  exclusive(OPERATOR.what, args, ['offset', 'layout'], 'packed sequences are [N, H, D]');
  const order = tensors.offset ? 'packed' : layout;
  const call = new Call(OPERATOR, device, order, tensors as unknown as LaunchArgs);
  for (const name of wants)
    if (!call.has(INPUT_OF[name]))
      refuse(
        'LAC0602',
        OPERATOR.what,
        `${name} is wanted, but ${INPUT_OF[name]} is not given`,
        `give ${INPUT_OF[name]}`,
      );
  const wanted = (name: Wanted): Tensor | null =>
    (wants as readonly Wanted[]).includes(name) ? call.output(name) : null;
  const result = {
    ...{ dq: call.output('dq'), dk: call.output('dk'), dv: call.output('dv') },
    dh0: call.has('h0') ? call.output('dh0') : null,
    ...{ dslope: wanted('dslope'), dg: wanted('dg') },
  };
  const options = {
    ...decayOptions(call),
    ...{ initialState: call.has('h0'), stateGradient: call.has('dhT'), reverse, precise },
    ...{ tokenGradient: result.dg !== null, slopeGradient: result.dslope !== null },
  };
  const launch = routeOf(call, options);
  const names = order === 'packed' ? OPERATOR.names : UNPACKED;
  await call.run(() => launch(device, call.passing(names, result)));
  return result as unknown as BackwardResult<T, W>;
}

/** The segments' gradients of k and v share one state, which has to fit a program. */
const MOST_COLUMNS = 128;

function routeOf(call: Call, options: Options & { readonly reverse: boolean; readonly precise: boolean }): Launchable {
  if (call.order === 'packed') return variantOf(lightningPackedBwd, options);
  const { B = 0, H = 0, N = 0, D = 0, E = 0 } = call.dims;
  const { reverse, precise, ...common } = options;
  // The plan of segments knows neither.
  const divisible = !reverse && !precise && Math.max(D, E) <= MOST_COLUMNS;
  return divisible && chooseDivision({ B, H, N }, call.device) === 'segments'
    ? variantOf(lightningSegmentsBwd, common)
    : variantOf(lightningBwd, options);
}

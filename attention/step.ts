import { lightningStep } from '../kernels/lightning/decode.js';
import type { Device, LaunchArgs, Tensor } from '../runtime/index.js';
import { AXES, INPUTS } from './arguments.js';
import { Call, decayOptions } from './call.js';
import type { AttentionInputs, FloatDType } from './forward.js';
import { Operator } from './operator.js';
import { variantOf } from './variants.js';

/** q [B, H, D], k [B, HK, D], v [B, HK, E], g [B, H]: one token of each of B sequences. */
export interface StepArgs<T extends FloatDType> extends AttentionInputs<T> {
  /** [B, H, D, E]: the state after the tokens before this one; holds the state after this one when the call is done. */
  readonly state: Tensor<'f32'>;
  /** [B, H, E]: where the output goes; a new tensor where it is absent. */
  readonly o?: Tensor<T> | null;
}

const OPERATOR = new Operator('lightningAttention.step', {
  ...INPUTS,
  state: { dtype: 'f32', dir: 'inout', axes: AXES.state, needed: true },
  o: { dtype: 'T', dir: 'out', axes: AXES.o },
});

/** One token more: state = a state + k v; o = q state. Throws as the forward pass. */
export async function step<T extends FloatDType>(
  device: Device,
  args: StepArgs<T>,
): Promise<{ readonly o: Tensor<T> }> {
  const call = new Call(OPERATOR, device, 'token', args as unknown as LaunchArgs);
  const o = call.output('o');
  const launch = variantOf(lightningStep, decayOptions(call));
  await call.run(() => launch(device, call.passing(OPERATOR.names, { o })));
  return { o: o as Tensor<T> };
}

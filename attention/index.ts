import type { Device, Tensor } from '../runtime/index.js';
import { type BackwardArgs, type BackwardResult, backward, type Wanted } from './backward.js';
import { type FloatDType, type ForwardArgs, type ForwardResult, forward } from './forward.js';
import { type StepArgs, step } from './step.js';

export type { BackwardArgs, BackwardResult, Wanted } from './backward.js';
export type { AttentionInputs, FloatDType, ForwardArgs, ForwardResult, Layout, Placement } from './forward.js';
export type { StepArgs } from './step.js';

/**
 * Each call resolves when its work is submitted, and allocates what it is not given. Throws LacError LAC0601 to LAC0626,
 * before anything is launched, and what compiling and launching throw.
 */
export interface LightningAttention {
  /** S_t = a_t S_(t-1) + k_t v_t, o_t = q_t S_t, with a_t = exp(-slope), exp(g_t) or 1. */
  <T extends FloatDType, const F extends boolean = false>(
    device: Device,
    args: ForwardArgs<T, F>,
  ): Promise<ForwardResult<T, F>>;
  /** Gradients by q, k, v and, where it is given, h0; by the decay where that is wanted. Always the same bits. */
  backward<T extends FloatDType, const W extends Wanted = never>(
    device: Device,
    args: BackwardArgs<T, W>,
  ): Promise<BackwardResult<T, W>>;
  /** One token more of every sequence, the states in place. */
  step<T extends FloatDType>(device: Device, args: StepArgs<T>): Promise<{ readonly o: Tensor<T> }>;
}

/**
 * Lightning Attention with the kernel or plan that fits the sizes and the device. The kernels themselves, with all their
 * options, are in kernels/lightning. Source: Qin et al. 2024, arXiv 2401.04658.
 */
export const lightningAttention: LightningAttention = Object.assign(forward, { backward, step });

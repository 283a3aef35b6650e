import { forward } from './forward.js';
import { step } from './step.js';

export type { AttentionInputs, FloatDType, ForwardArgs, ForwardResult, Layout } from './forward.js';
export type { StepArgs } from './step.js';

/**
 * Lightning Attention: `lightningAttention(device, { q, k, v, slope })` of whole sequences, `.step` of one token more.
 * Picks the kernel or plan for the sizes and the device; the kernels are in kernels/lightning.
 */
export const lightningAttention = Object.assign(forward, { step });

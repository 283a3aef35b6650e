/** Hardware index spaces that a layout maps from. `invocation` is WGSL's local index; `lane` and `warp` are CUDA's. */
export type InDim = 'register' | 'lane' | 'warp' | 'invocation' | 'offset';

/**
 * A linear map over GF(2) from hardware index bits to tile index bits (Zhou et al., "Linear Layouts", arXiv 2505.23819).
 * An output index is one unsigned integer: the row-major index of the element, the last axis in the low bits. Every
 * extent is a power of two, so XOR of bases never crosses an axis. `ins[d][b]` is the image of bit b of hardware index d.
 */
export interface Layout {
  readonly shape: readonly number[];
  readonly ins: { readonly [D in InDim]?: readonly number[] };
}

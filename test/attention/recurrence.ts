/** Sizes of a call: HK heads of k and v, and what the other letters of the contract say. */
export interface Sizes {
  readonly B: number;
  readonly H: number;
  readonly HK: number;
  readonly N: number;
  readonly D: number;
  readonly E: number;
}

/** Values in the order [B, heads, N, width], whatever the layout of the tensors is. `decay` is [B, H, N], a factor. */
export interface Given {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly decay: Float64Array;
  /** [B, H, D, E] */
  readonly h0: Float64Array;
}

/** The definition in f64: one head after the other, one token after the other, and no chunks. */
export function recurrence(
  { B, H, HK, N, D, E }: Sizes,
  { q, k, v, decay, h0 }: Given,
  reverse: boolean,
): { readonly o: Float64Array; readonly hT: Float64Array } {
  const o = new Float64Array(B * H * N * E);
  const hT = Float64Array.from(h0);
  const times = [...Array(N).keys()];
  if (reverse) times.reverse();
  for (let bh = 0; bh < B * H; bh++) {
    const shared = Math.floor(bh / H) * HK + Math.floor((bh % H) / (H / HK));
    for (const t of times)
      for (let d = 0; d < D; d++)
        for (let e = 0; e < E; e++) {
          const at = (bh * D + d) * E + e;
          const grown = at2(k, shared * N + t, D, d) * at2(v, shared * N + t, E, e);
          hT[at] = (decay[bh * N + t] as number) * (hT[at] as number) + grown;
          o[(bh * N + t) * E + e] = at2(o, bh * N + t, E, e) + at2(q, bh * N + t, D, d) * (hT[at] as number);
        }
  }
  return { o, hT };
}

const at2 = (x: Float64Array, row: number, width: number, i: number): number => x[row * width + i] as number;

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

/** Gradients of the sum of o dout and hT dhT. */
export interface Gradients {
  readonly dq: Float64Array;
  readonly dk: Float64Array;
  readonly dv: Float64Array;
  readonly dh0: Float64Array;
  /** By the logarithm of each token's decay, [B, H, N]. */
  readonly dg: Float64Array;
}

/** The chain rule through every state in turn, all of which are kept. dout [B, H, N, E], dhT [B, H, D, E]. */
export function gradients(
  { B, H, HK, N, D, E }: Sizes,
  { q, k, v, decay, h0 }: Given,
  { dout, dhT }: { readonly dout: Float64Array; readonly dhT: Float64Array },
  reverse: boolean,
): Gradients {
  const like = (x: Float64Array): Float64Array => new Float64Array(x.length);
  const [dq, dk, dv, dg, dh0] = [like(q), like(k), like(v), like(decay), Float64Array.from(dhT)];
  const times = [...Array(N).keys()];
  if (reverse) times.reverse();
  for (let bh = 0; bh < B * H; bh++) {
    const shared = Math.floor(bh / H) * HK + Math.floor((bh % H) / (H / HK));
    const states = [h0.subarray(bh * D * E, (bh + 1) * D * E)];
    for (const t of times) {
      const before = states[states.length - 1] as Float64Array;
      const grown = (i: number): number =>
        at2(k, shared * N + t, D, Math.floor(i / E)) * at2(v, shared * N + t, E, i % E);
      states.push(before.map((s, i) => (decay[bh * N + t] as number) * s + grown(i)));
    }
    // Of the state after the token at hand.
    const G = dh0.subarray(bh * D * E, (bh + 1) * D * E);
    for (const [turn, t] of [...times.entries()].reverse()) {
      const [before, after] = [states[turn] as Float64Array, states[turn + 1] as Float64Array];
      const [row, kv, a] = [bh * N + t, shared * N + t, decay[bh * N + t] as number];
      for (let i = 0; i < D * E; i++) {
        const [d, e] = [Math.floor(i / E), i % E];
        const o = at2(dout, row, E, e);
        add(dq, row * D + d, o * (after[i] as number));
        add(G, i, at2(q, row, D, d) * o);
        add(dk, kv * D + d, at2(v, kv, E, e) * (G[i] as number));
        add(dv, kv * E + e, at2(k, kv, D, d) * (G[i] as number));
        add(dg, row, a * (G[i] as number) * (before[i] as number));
        G[i] = a * (G[i] as number);
      }
    }
  }
  return { dq, dk, dv, dh0, dg };
}

const add = (x: Float64Array, i: number, more: number): void => {
  x[i] = (x[i] as number) + more;
};
const at2 = (x: Float64Array, row: number, width: number, i: number): number => x[row * width + i] as number;

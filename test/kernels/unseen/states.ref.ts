import type { Reference } from '../../../driver/reference.js';
import { tabulate, total, upTo, Values } from './values.js';

export const twoStates: Reference = {
  shape: { B: 1, H: 2, N: 25, D: 24, E: 20 },
  run({ inputs, dims: { B = 0, H = 0, N = 0, D = 0, E = 0 } }) {
    const q = new Values([B, H, N, D], inputs.q);
    const k = new Values([B, H, N, D], inputs.k);
    const v = new Values([B, H, N, E], inputs.v);
    const product = (b: number, h: number, n: number, j: number): number =>
      total(D, (d) => q.at(b, h, n, d) * k.at(b, h, j, d));
    const weight = (h: number, distance: number): number =>
      Math.exp(-(2 ** (-h - 3)) * distance) + Math.exp(-(2 ** (-h - 5)) * distance);
    const o = tabulate([B, H, N, E], (b = 0, h = 0, n = 0, e = 0) =>
      total(n + 1, (j) => product(b, h, n, j) * weight(h, n - j) * v.at(b, h, j, e)),
    );
    const z = tabulate([B, H, N], (b = 0, h = 0, n = 0) => total(n + 1, (j) => product(b, h, n, j)));
    return { o, z };
  },
};

export const reverseState: Reference = {
  shape: { H: 2, N: 37, D: 24, E: 20 },
  run({ inputs, dims: { H = 0, N = 0, D = 0, E = 0 } }) {
    const q = new Values([H, N, D], inputs.q);
    const v = new Values([H, N, E], inputs.v);
    const g = new Values([H, N], inputs.g);
    const dO = new Values([H, N, E], inputs.dO);
    const dk = new Values([H, N, D]);
    const first = new Values([H, D, E]);
    for (const h of upTo(H)) {
      const S = new Values([D, E]);
      for (const n of upTo(N).reverse()) {
        const decay = Math.exp(-Math.abs(g.at(h, n)));
        // The gate of token n stands between its own output and its key, and everything after.
        for (const d of upTo(D)) {
          const own = (e: number): number => S.at(d, e) + q.at(h, n, d) * dO.at(h, n, e);
          dk.put(
            total(E, (e) => own(e) * v.at(h, n, e)),
            ...[h, n, d],
          );
          for (const e of upTo(E)) S.put(own(e) * decay, d, e);
        }
      }
      for (const d of upTo(D)) for (const e of upTo(E)) first.put(S.at(d, e), h, d, e);
    }
    return { dk: dk.data, first: first.data };
  },
};

export const settling: Reference = {
  shape: { H: 2, N: 37, D: 24, E: 20 },
  run({ inputs, dims: { H = 0, N = 0, D = 0, E = 0 } }) {
    const q = new Values([H, N, D], inputs.q);
    const k = new Values(
      [H, N, D],
      inputs.k?.map((x) => x / D),
    );
    const v = new Values([H, N, E], inputs.v);
    const o = new Values([H, N, E]);
    const last = new Values([H, E, D]);
    for (const h of upTo(H))
      for (const e of upTo(E)) {
        const S = new Float64Array(D);
        for (const n of upTo(N)) {
          const b = 1 / (1 + Math.exp(-(inputs.beta?.[h * N + n] ?? 0)));
          const u = (v.at(h, n, e) - total(D, (d) => k.at(h, n, d) * (S[d] ?? 0))) * b;
          for (const d of upTo(D)) S[d] = (S[d] ?? 0) + k.at(h, n, d) * u;
          o.put(
            total(D, (d) => q.at(h, n, d) * (S[d] ?? 0)),
            ...[h, n, e],
          );
        }
        for (const d of upTo(D)) last.put(S[d] ?? 0, h, e, d);
      }
    return { o: o.data, last: last.data };
  },
};

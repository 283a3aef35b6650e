import type { Code } from '../compiler/diag/codes.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Tensor } from '../runtime/index.js';

/**
 * Order of the axes: [B, H, N, D], [B, N, H, D], [N, H, D] of packed sequences, or [B, H, D] of one token of each sequence.
 */
export type Order = 'bhnd' | 'bnhd' | 'packed' | 'token';

/** What the axes of an argument are: a vector for each token and head, a number for each, a state for each head. */
type Axes =
  | { readonly kind: 'rows'; readonly heads: 'H' | 'HK'; readonly width: 'D' | 'E' }
  | { readonly kind: 'gates' }
  | { readonly kind: 'states' }
  | { readonly kind: 'vector'; readonly dim: 'H' | 'S1' };

/** A tensor argument of the operator. */
export interface Declared {
  readonly dtype: 'T' | 'f32' | 'i32';
  readonly dir: 'in' | 'out' | 'inout';
  readonly axes: Axes;
  readonly needed?: true;
}

const rows = (heads: 'H' | 'HK', width: 'D' | 'E'): Axes => ({ kind: 'rows', heads, width });

export const AXES = {
  q: rows('H', 'D'),
  k: rows('HK', 'D'),
  v: rows('HK', 'E'),
  o: rows('H', 'E'),
  g: { kind: 'gates' },
  state: { kind: 'states' },
  slope: { kind: 'vector', dim: 'H' },
  offset: { kind: 'vector', dim: 'S1' },
} as const satisfies Record<string, Axes>;

/** What every call of the operator takes. */
export const INPUTS = {
  q: { dtype: 'T', dir: 'in', axes: AXES.q, needed: true },
  k: { dtype: 'T', dir: 'in', axes: AXES.k, needed: true },
  v: { dtype: 'T', dir: 'in', axes: AXES.v, needed: true },
  slope: { dtype: 'f32', dir: 'in', axes: AXES.slope },
  g: { dtype: 'f32', dir: 'in', axes: AXES.g },
} as const satisfies Record<string, Declared>;

/** Names of the axes, as the caller orders them. */
export function dimsOf(axes: Axes, order: Order): readonly string[] {
  if (axes.kind === 'vector') return [axes.dim];
  if (axes.kind === 'states') return [order === 'packed' ? 'S' : 'B', 'H', 'D', 'E'];
  const [heads, width] = axes.kind === 'rows' ? [axes.heads, [axes.width]] : ['H', []];
  const before = { bhnd: ['B', heads, 'N'], bnhd: ['B', 'N', heads], packed: ['N', heads], token: ['B', heads] };
  return [...before[order], ...width];
}

/** The same tensor with its axes as the kernels order them; nothing is copied. */
export function asKernels(tensor: Tensor, axes: Axes, order: Order): Tensor {
  if (order !== 'bnhd' || (axes.kind !== 'rows' && axes.kind !== 'gates')) return tensor;
  return tensor.permute(axes.kind === 'rows' ? [0, 2, 1, 3] : [0, 2, 1]);
}

/** The declared arguments, in one place for what is read and what is said of them. */
export type Declarations = Readonly<Record<string, Declared>>;

/** At most one of these may be given. Throws LAC0626. */
export function exclusive(what: string, args: object, names: readonly string[], why: string): void {
  const values = args as Readonly<Record<string, unknown>>;
  const given = names.filter((name) => values[name] !== undefined && values[name] !== null && values[name] !== false);
  if (given.length > 1)
    refuse(
      'LAC0626',
      what,
      `${given.join(' and ')} cannot be given together: ${why}`,
      `leave out ${given.join(' or ')}`,
    );
}

export function refuse(code: Code, what: string, message: string, help: string): never {
  throw new LacError(diagnostic(code, `${what}: ${message}`, null, { help: [help] }));
}

import { cast, col, type DType, dot, iota, row, type Scalar, type Tile, trans } from '../../dsl/index.js';
import type { ChunkDecay } from './decay.js';

/** x_t sees y_j, and reads the state: sum over seen j of (x_t . y_j) z_j, and x_t times the state, both with their decays. */
export function attend(x: Tile, y: Tile, z: Tile, state: Tile, decay: ChunkDecay, X: DType): Tile<'f32'> {
  const p = dot(x, trans(y)) * decay.between;
  const near = dot(cast(p, X), cast(z, X));
  return (near + dot(cast(x, X), cast(state, X)) * decay.fromStart) * decay.near;
}

/** The state after a chunk. */
export function advanced(state: Tile<'f32'>, y: Tile, z: Tile, decay: ChunkDecay, X: DType): Tile<'f32'> {
  return state * decay.across + dot(trans(cast(y * decay.toEnd, X)), cast(z, X));
}

/** A state, and the sum over its tokens j of steps since j times what is left of k_j^T v_j. */
export interface Aging {
  readonly state: Tile<'f32'>;
  readonly aged: Tile<'f32'>;
}

/** What outputs of a chunk of C tokens, of which `rows` exist, lose to a greater slope: sum of (t - j) decay (q_t . k_j) v_j. */
export function outputLoss(
  [q, k, v]: readonly [Tile, Tile, Tile],
  { state, aged }: Aging,
  decay: ChunkDecay,
  { C, rows, reverse }: { C: number; rows: Scalar<'i32'>; reverse: boolean },
  X: DType,
): Tile<'f32'> {
  const i = iota(C);
  const apart = reverse ? row(i) - col(i) : col(i) - row(i);
  const since = reverse ? rows - i : i + 1; // steps from the state before the chunk
  const p = dot(q, trans(k)) * (decay.between * apart);
  const fromStates = dot(cast(q, X), cast(state, X)) * col(since) + dot(cast(q, X), cast(aged, X));
  return dot(cast(p, X), cast(v, X)) + fromStates * decay.fromStart;
}

/** Both states after a chunk of C tokens, of which `rows` exist. */
export function agedBy(
  [k, v]: readonly [Tile, Tile],
  { state, aged }: Aging,
  decay: ChunkDecay,
  { C, rows, reverse }: { C: number; rows: Scalar<'i32'>; reverse: boolean },
  X: DType,
): Aging {
  const i = iota(C);
  const until = reverse ? i : rows - 1 - i; // steps to the state after the chunk
  const younger = dot(trans(cast(k * (decay.toEnd * col(until)), X)), cast(v, X));
  return { state: advanced(state, k, v, decay, X), aged: (aged + state * rows) * decay.across + younger };
}

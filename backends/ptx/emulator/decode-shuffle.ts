/** Exchanges between the lanes of a warp: shfl, vote, redux. They order no memory accesses. */
import type { Decoder } from './decode.js';
import { fault } from './fault.js';
import type { Warp } from './warp.js';

/**
 * Source lane of shfl.sync, and whether it is in range (PTX ISA, shfl.sync): `b` is a lane or distance, `c` holds the
 * clamp in bits 0..4 and the segment mask in bits 8..12.
 */
const MODES: Readonly<
  Record<string, (lane: number, b: number, least: number, most: number, mask: number) => [number, boolean]>
> = {
  up: (lane, b, _, most) => [lane - b, lane - b >= most],
  down: (lane, b, _, most) => [lane + b, lane + b <= most],
  bfly: (lane, b, _, most) => [lane ^ b, (lane ^ b) <= most],
  idx: (_, b, least, most, mask) => {
    const j = least | (b & ~mask & 31);
    return [j, j <= most];
  },
};

const values = new Uint32Array(32);

const shuffle: Decoder = (o) => {
  const match = /^shfl\.sync\.(up|down|bfly|idx)\.b32$/.exec(o.opcode);
  const mode = MODES[match?.[1] ?? ''] ?? o.refuse();
  o.expect(5);
  const result = o.at(0);
  const d = result.kind === 'pair' && result.first.kind === 'register' ? o.slots.register(result.first.id) : -1;
  const to = d >= 0 ? d : o.destination(0, false);
  const inRange =
    result.kind === 'pair' && result.second.kind === 'register'
      ? o.slots.register(result.second.id)
      : o.slots.sink(false);
  const [a, b, c, mask] = [o.source(1, 'int'), o.source(2, 'int'), o.source(3, 'int'), o.source(4, 'int')];
  return {
    kind: 'collective',
    mask,
    execute: (w, lanes, n) => {
      const { u } = w;
      const present = publish(w, a, lanes, n);
      for (let i = 0; i < n; i++) {
        const l = lanes[i] as number;
        const bounds = u[c + l] as number;
        const segment = (bounds >>> 8) & 31;
        const most = (l & segment) | (bounds & 31 & ~segment);
        const [source, valid] = mode(l, (u[b + l] as number) & 31, l & segment, most, segment);
        const from = valid ? source : l;
        if ((present & (1 << from)) === 0) throw fault(w, 'LAC0828', `reads lane ${from}, which does not take part`, l);
        u[to + l] = values[from] as number;
        u[inRange + l] = valid ? 1 : 0;
      }
    },
  };
};

/** Values of the lanes before anything is written, in `values`; gives the mask of the lanes. */
function publish({ u }: Warp, a: number, lanes: Uint8Array, n: number): number {
  let present = 0;
  for (let i = 0; i < n; i++) {
    const l = lanes[i] as number;
    present |= 1 << l;
    values[l] = u[a + l] as number;
  }
  return present;
}

type Fold = (x: number, y: number) => number;

/** A vote or fold: one value of all lanes, given to each. `start` is the value of no lanes. */
const collective =
  (fold: Fold, start: number, negatable: boolean): Decoder =>
  (o) => {
    o.expect(3);
    const source = o.at(1);
    const negated = source.kind === 'not' && negatable;
    const a = negated ? o.slots.register(source.id) : o.source(1, 'int');
    const [d, mask, flip] = [o.destination(0, false), o.source(2, 'int'), negated ? 1 : 0];
    return {
      kind: 'collective',
      mask,
      execute: ({ u }, lanes, n) => {
        let all = start;
        for (let i = 0; i < n; i++) all = fold(all, ((u[a + (lanes[i] as number)] as number) ^ flip) >>> 0);
        for (let i = 0; i < n; i++) u[d + (lanes[i] as number)] = all;
      },
    };
  };

const FOLDS: Readonly<Record<string, Decoder>> = {
  'vote.sync.any.pred': collective((x, y) => x | y, 0, true),
  'vote.sync.all.pred': collective((x, y) => x & y, 1, true),
  'redux.sync.add.s32': collective((x, y) => (x + y) >>> 0, 0, false),
  'redux.sync.add.u32': collective((x, y) => (x + y) >>> 0, 0, false),
  'redux.sync.min.s32': collective((x, y) => Math.min(x, y | 0), 0x7fffffff, false),
  'redux.sync.max.s32': collective((x, y) => Math.max(x, y | 0), -0x80000000, false),
  'redux.sync.min.u32': collective(Math.min, 0xffffffff, false),
  'redux.sync.max.u32': collective(Math.max, 0, false),
  'redux.sync.and.b32': collective((x, y) => x & y, -1, false),
  'redux.sync.or.b32': collective((x, y) => x | y, 0, false),
  'redux.sync.xor.b32': collective((x, y) => x ^ y, 0, false),
};

const vote: Decoder = (o) => {
  if (o.opcode === 'vote.sync.ballot.b32') return ballot(o);
  const fold = FOLDS[o.opcode] ?? o.refuse();
  return fold(o);
};

const ballot: Decoder = (o) => {
  o.expect(3);
  const source = o.at(1);
  const a = source.kind === 'not' ? o.slots.register(source.id) : o.source(1, 'int');
  const [d, mask, flip] = [o.destination(0, false), o.source(2, 'int'), source.kind === 'not' ? 1 : 0];
  return {
    kind: 'collective',
    mask,
    execute: ({ u }, lanes, n) => {
      let bits = 0;
      for (let i = 0; i < n; i++) bits |= ((u[a + (lanes[i] as number)] as number) ^ flip) << (lanes[i] as number);
      for (let i = 0; i < n; i++) u[d + (lanes[i] as number)] = bits;
    },
  };
};

export const SHUFFLE_DECODERS: Readonly<Record<string, Decoder>> = { shfl: shuffle, vote, redux: vote };

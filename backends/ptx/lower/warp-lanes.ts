import { log2, makeLayout } from '../../../compiler/layout/layout.js';
import type { Operand } from '../isa/operand.js';
import type { Run } from './axis-bits.js';
import type { Combining, Lane } from './combine.js';
import { Exchange, publish } from './exchange.js';

/** Shared memory that one turn may take, in words. */
const MOST_WORDS = 4096;
const LANE_BITS = [0, 1, 2, 3, 4] as const;

/**
 * For each of some lanes of a thread, those of the threads with its lane number in all warps of a run, in order of the
 * position. In as many turns as it takes to need little memory.
 */
export function acrossWarps(c: Combining, { bits }: Run, own: readonly Lane[]): Lane[][] {
  const { e } = c;
  const words = c.dtypes.length;
  const each = Math.min(own.length, Math.max(1, 2 ** Math.floor(Math.log2(MOST_WORDS / (e.threads * words)))));
  const lane = LANE_BITS.map((i) => 2 ** i);
  const register = Array.from({ length: log2(each) }, (_, i) => e.threads * 2 ** i);
  const warp = Array.from({ length: log2(e.warps) }, (_, i) => 2 ** (LANE_BITS.length + i));
  const shape = [each * e.threads];
  const mine = makeLayout(shape, { register, lane, warp });
  // Further register bits count the warps of the run.
  const all = makeLayout(shape, {
    register: [...register, ...bits.map((bit) => warp[bit] ?? 0)],
    lane,
    warp: warp.map((basis, bit) => (bits.includes(bit) ? 0 : basis)),
  });
  const exchanges = c.dtypes.map(() => new Exchange(e, mine));
  return Array.from({ length: own.length / each }, (_, turn): Lane[][] => {
    const sent = own.slice(turn * each, (turn + 1) * each).map((x) => c.words(x));
    publish(
      e,
      mine,
      exchanges.map((exchange, i) => ({ exchange, word: (r) => sent[r]?.[i] as Operand })),
    );
    const places = exchanges.map((x) => x.places(all));
    return sent.map((_, r) =>
      Array.from({ length: 2 ** bits.length }, (_, n) =>
        c.fromWords(places.map((place) => e.b.op('ld.shared.b32', place(r + n * each)))),
      ),
    );
  }).flat();
}

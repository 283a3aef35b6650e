import { type InstructionRow, row, rows, suffixed } from '../signature.js';

const CLUSTERS = { sm: 90, ptx: [7, 8] } as const;
const shuffle = 'Word a of another lane';

/** Barriers, shuffles, votes and control (PTX ISA 9.7.9.6 "shfl.sync", 9.7.12, 9.7.13, 9.7.19). */
export const SYNC = {
  'bar.sync': row([], ['u32'], 'All threads of the block meet at barrier a (0 .. 15).'),
  'bar.sync.count': row([], ['u32', 'u32'], 'b threads, a multiple of 32, meet at barrier a.', {
    text: 'bar.sync %0, %1',
  }),
  'bar.arrive': row([], ['u32', 'u32'], 'Counts as one of b threads at barrier a, and goes on.'),
  'barrier.sync.aligned': row([], ['u32'], 'As bar.sync.'),
  'barrier.sync.aligned.count': row([], ['u32', 'u32'], 'As bar.sync.count.', {
    text: 'barrier.sync.aligned %0, %1',
  }),
  'bar.warp.sync': row([], ['b32'], 'The lanes of mask a meet; orders their memory accesses.'),

  'shfl.sync.idx.b32': row(['b32'], ['b32', 'u32', 'u32', 'b32'], `${shuffle}: lane b. c = clamp, d = mask.`),
  'shfl.sync.bfly.b32': row(['b32'], ['b32', 'u32', 'u32', 'b32'], `${shuffle}: lane xor b. c = clamp, d = mask.`),
  'shfl.sync.up.b32': row(
    ['b32'],
    ['b32', 'u32', 'u32', 'b32'],
    `${shuffle}: lane - b, or its own. c = clamp, d = mask.`,
  ),
  'shfl.sync.down.b32': row(
    ['b32'],
    ['b32', 'u32', 'u32', 'b32'],
    `${shuffle}: lane + b, or its own. c = clamp, d = mask.`,
  ),
  'vote.sync.any.pred': row(['pred'], ['pred', 'b32'], 'Whether a holds in some lane of mask b.'),
  'vote.sync.all.pred': row(['pred'], ['pred', 'b32'], 'Whether a holds in every lane of mask b.'),
  'vote.sync.ballot.b32': row(['b32'], ['pred', 'b32'], 'Bit i: whether a holds in lane i of mask b.'),
  ...rows(
    suffixed(suffixed(['redux.sync'], ['add', 'min', 'max']), ['s32', 'u32']),
    row(['b32'], ['b32', 'b32'], 'Fold of a over the lanes of mask b.'),
  ),
  ...rows(
    suffixed(['redux.sync'], ['and.b32', 'or.b32', 'xor.b32']),
    row(['b32'], ['b32', 'b32'], 'Fold of a over the lanes of mask b.'),
  ),
  'fence.acq_rel.cta': row([], [], 'Orders memory accesses for the block.'),
  'fence.acq_rel.gpu': row([], [], 'Orders memory accesses for the device.'),

  'griddepcontrol.wait': row([], [], 'Waits for the grids this one depends on.', CLUSTERS),
  'griddepcontrol.launch_dependents': row([], [], 'Lets dependent grids start.', CLUSTERS),
  ...rows(
    suffixed(['setmaxnreg'], ['inc.sync.aligned.u32', 'dec.sync.aligned.u32']),
    row([], ['int'], 'Registers of every thread of the warpgroup, from now on.', {
      sm: 90,
      ptx: [8, 0],
      specific: true,
    }),
  ),
  trap: row([], [], 'Ends the grid with an error.'),
  ret: row([], [], 'Ends the thread.'),
} as const satisfies Record<string, InstructionRow>;

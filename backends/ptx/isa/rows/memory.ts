import { type InstructionRow, row, type ScalarKind, type SpaceKind } from '../signature.js';

const ONE = { b16: ['b16'], b32: ['b32'], b64: ['b64'], u16: ['u32'], s16: ['s32'], u8: ['u32'], s8: ['s32'] } as const;
const TWO = { 'v2.b16': ['b16', 'b16'], 'v2.b32': ['b32', 'b32'], 'v2.b64': ['b64', 'b64'] } as const;
const FOUR = { 'v4.b16': ['b16', 'b16', 'b16', 'b16'], 'v4.b32': ['b32', 'b32', 'b32', 'b32'] } as const;
const WIDTHS = { ...ONE, ...TWO, ...FOUR } as const;
type Width = keyof typeof WIDTHS;

const STORED = {
  b16: 'b16',
  b32: 'b32',
  b64: 'b64',
  u16: 'b32',
  u8: 'b32',
  'v2.b16': 'b16x2',
  'v2.b32': 'b32x2',
  'v2.b64': 'b64x2',
  'v4.b16': 'b16x4',
  'v4.b32': 'b32x4',
} as const;
type StoredWidth = keyof typeof STORED;

type Loads<Stem extends string, S extends SpaceKind, M> = {
  readonly [W in Width as `${Stem}.${W}`]: { dst: (typeof WIDTHS)[W]; src: readonly [S]; meaning: string } & M;
};
type Stores<Stem extends string, S extends SpaceKind, M> = {
  readonly [W in StoredWidth as `${Stem}.${W}`]: {
    dst: readonly [];
    src: readonly [S, (typeof STORED)[W]];
    meaning: string;
  } & M;
};
type More = Partial<InstructionRow>;

/** Loads of every width. Bytes and halves go to 32-bit registers, extended; a vector must be aligned to its size. */
function loads<const Stem extends string, const S extends SpaceKind, const M extends More = object>(
  stem: Stem,
  space: S,
  meaning: string,
  more?: M,
): Loads<Stem, S, M> {
  const entries = Object.entries(WIDTHS).map(([width, dst]: [string, readonly ScalarKind[]]) => [
    `${stem}.${width}`,
    row(dst, [space], meaning, more),
  ]);
  return Object.fromEntries(entries) as Loads<Stem, S, M>;
}

/** Stores of every width. Bytes and halves (u8, u16) are the low bits of 32-bit registers. */
function stores<const Stem extends string, const S extends SpaceKind, const M extends More = object>(
  stem: Stem,
  space: S,
  meaning: string,
  more?: M,
): Stores<Stem, S, M> {
  const entries = Object.entries(STORED).map(([width, kind]) => [
    `${stem}.${width}`,
    row([], [space, kind], meaning, more),
  ]);
  return Object.fromEntries(entries) as Stores<Stem, S, M>;
}

const NO_ALLOCATE = { ptx: [7, 4] } as const;

/** Loads, stores and atomic additions (PTX ISA 9.7.9.8 "ld", 9.7.9.11 "st", 9.7.13 "atom", "red"). */
export const MEMORY = {
  ...loads('ld.global', 'global', 'From global memory.'),
  ...loads('ld.global.cg', 'global', 'From global memory, cached in L2 only.'),
  ...loads('ld.global.cs', 'global', 'From global memory, likely read once: evicted first.'),
  ...loads('ld.global.nc', 'global', 'From global memory that nobody writes while the grid runs.'),
  ...loads('ld.global.nc.L1::no_allocate', 'global', 'Likewise, without a place in L1.', NO_ALLOCATE),
  ...loads('ld.shared', 'shared', 'From shared memory.'),
  'ld.param.b16': row(['b16'], ['param'], 'From a parameter of the entry.'),
  'ld.param.b32': row(['b32'], ['param'], 'From a parameter of the entry.'),
  'ld.param.b64': row(['b64'], ['param'], 'From a parameter of the entry.'),
  ...stores('st.global', 'global', 'To global memory.'),
  ...stores('st.global.cs', 'global', 'To global memory, likely not read soon: evicted first.'),
  ...stores('st.global.L1::no_allocate', 'global', 'To global memory, without a place in L1.', NO_ALLOCATE),
  ...stores('st.shared', 'shared', 'To shared memory.'),
  'red.global.add.s32': row([], ['global', 's32'], 'Adds to memory, without order among threads.'),
  'red.global.add.u32': row([], ['global', 'u32'], 'Adds to memory, without order among threads.'),
  'red.global.add.f32': row([], ['global', 'f32'], 'Adds to memory, without order among threads.'),
  'atom.global.add.s32': row(['s32'], ['global', 's32'], 'Adds to memory; gives what was there.'),
  'atom.global.add.u32': row(['u32'], ['global', 'u32'], 'Adds to memory; gives what was there.'),
  'atom.global.add.f32': row(['f32'], ['global', 'f32'], 'Adds to memory; gives what was there.'),
  'prefetch.global.L2': row([], ['global'], 'Brings a line into L2.'),
} as const satisfies Record<string, InstructionRow>;

const copies = 'Copies b to a while the thread goes on';
const zfill = 'the first c bytes, the others become 0';

/** Asynchronous copies (PTX ISA 9.7.9.25.3). Both addresses are aligned to the size, also where nothing is read. */
export const COPY = {
  'cp.async.cg.16': row([], ['shared', 'global'], `${copies}: 16 bytes past L1.`, {
    text: 'cp.async.cg.shared.global %0, %1, 16',
  }),
  'cp.async.cg.16.zfill': row([], ['shared', 'global', 'u32'], `${copies}: 16 bytes past L1, ${zfill}.`, {
    text: 'cp.async.cg.shared.global %0, %1, 16, %2',
  }),
  'cp.async.cg.16.L2::128B': row([], ['shared', 'global'], `${copies}: 16 bytes past L1; 128 come into L2.`, {
    text: 'cp.async.cg.shared.global.L2::128B %0, %1, 16',
    ptx: [7, 4],
  }),
  'cp.async.cg.16.L2::128B.zfill': row([], ['shared', 'global', 'u32'], `${copies}, 128 come into L2; ${zfill}.`, {
    text: 'cp.async.cg.shared.global.L2::128B %0, %1, 16, %2',
    ptx: [7, 4],
  }),
  'cp.async.ca.16': row([], ['shared', 'global'], `${copies}: 16 bytes.`, {
    text: 'cp.async.ca.shared.global %0, %1, 16',
  }),
  'cp.async.ca.16.zfill': row([], ['shared', 'global', 'u32'], `${copies}: 16 bytes, ${zfill}.`, {
    text: 'cp.async.ca.shared.global %0, %1, 16, %2',
  }),
  'cp.async.ca.8': row([], ['shared', 'global'], `${copies}: 8 bytes.`, {
    text: 'cp.async.ca.shared.global %0, %1, 8',
  }),
  'cp.async.ca.8.zfill': row([], ['shared', 'global', 'u32'], `${copies}: 8 bytes, ${zfill}.`, {
    text: 'cp.async.ca.shared.global %0, %1, 8, %2',
  }),
  'cp.async.ca.4': row([], ['shared', 'global'], `${copies}: 4 bytes.`, {
    text: 'cp.async.ca.shared.global %0, %1, 4',
  }),
  'cp.async.ca.4.zfill': row([], ['shared', 'global', 'u32'], `${copies}: 4 bytes, ${zfill}.`, {
    text: 'cp.async.ca.shared.global %0, %1, 4, %2',
  }),
  'cp.async.commit_group': row([], [], 'Closes a group of this thread’s copies.'),
  'cp.async.wait_group': row([], ['int'], 'Waits until all groups of this thread but the newest a have arrived.'),
  'cp.async.wait_all': row([], [], 'Waits until all copies of this thread have arrived.'),
} as const satisfies Record<string, InstructionRow>;

/** Loads, stores, atomics and asynchronous copies. */
import { phasesOf, wavefronts } from './banks.js';
import type { AddressSource, Decoded, Decoder, Operands } from './decode.js';
import { fault } from './fault.js';
import type { GlobalBuffer } from './global.js';
import type { Execute } from './loops.js';
import type { Warp } from './warp.js';

/** Modifiers that say where to cache; results do not depend on them. */
const CACHING =
  /^(nc|ca|cg|cs|cv|wb|wt|lu|relaxed|weak|volatile|L1::no_allocate|L1::evict_(first|last|normal)|L2::(64|128|256)B|cta|gpu|sys)$/;

/** What an access moves: elements of `bytes`, how many, and whether narrow ones extend their sign. */
interface Shape {
  readonly bytes: number;
  readonly count: number;
  readonly signed: boolean;
}

interface Access extends Shape {
  readonly space: 'global' | 'shared' | 'param';
}

/** ld.SPACE{.caching}{.vec}.TYPE, and st likewise. */
function accessOf(o: Operands): Access {
  const rest = o.modifiers.filter((m) => !CACHING.test(m) && m !== 'shared::cta');
  const spaces = rest.filter((m): m is Access['space'] => m === 'global' || m === 'shared' || m === 'param');
  const space = spaces[0] ?? (o.modifiers.includes('shared::cta') ? 'shared' : o.refuse('without a state space'));
  const [vector = '', type = ''] = rest.length - spaces.length === 2 ? rest.slice(-2) : ['', rest.at(-1)];
  const match = /^([bsuf])(8|16|32|64)$/.exec(type);
  const count = { '': 1, v2: 2, v4: 4 }[vector];
  if (match === null || count === undefined || rest.length > spaces.length + (vector === '' ? 1 : 2)) return o.refuse();
  const bytes = Number(match[2]) / 8;
  if (bytes * count > 16) return o.refuse('more than 16 bytes');
  return { space, bytes, count, signed: match[1] === 's' };
}

const load: Decoder = (o) => {
  const access = accessOf(o);
  o.expect(2);
  const registers = o.destinations(0, access.bytes === 8);
  if (registers.length !== access.count) return o.refuse(`${registers.length} registers`);
  if (access.space === 'param') return loadParam(o, registers[0] ?? 0, access);
  const address = o.address(1);
  if (access.space === 'shared') return { execute: loadShared(registers, address, access) };
  return { execute: loadGlobal(registers, needWide(o, address), access) };
};

const store: Decoder = (o) => {
  const access = accessOf(o);
  o.expect(2);
  const registers = o.sources(1, access.bytes === 8 ? 'wide' : 'int');
  if (registers.length !== access.count) return o.refuse(`${registers.length} registers`);
  const address = o.address(0);
  if (access.space === 'param') return o.refuse();
  if (access.space === 'shared') return { execute: storeShared(registers, address, access) };
  return { execute: storeGlobal(registers, needWide(o, address), access) };
};

function loadParam(o: Operands, d: number, { bytes, count }: Access): Decoded {
  const from = o.at(1);
  if (from.kind !== 'address' || from.base.kind !== 'param' || count !== 1 || bytes < 2) return o.refuse();
  const at = from.base.offset + from.offset;
  return {
    execute: ({ u, cta: { params } }, lanes, n) => {
      const low = bytes === 2 ? params.getUint16(at, true) : params.getUint32(at, true);
      const high = bytes === 8 ? params.getUint32(at + 4, true) : 0;
      for (let i = 0; i < n; i++) {
        const l = lanes[i] as number;
        if (bytes === 8) {
          u[d + 2 * l] = low;
          u[d + 2 * l + 1] = high;
        } else u[d + l] = low;
      }
    },
  };
}

/** Memory as elements of every width. */
type Cells = Pick<GlobalBuffer, 'bytes' | 'halves' | 'words'>;

function get(w: Warp, m: Cells, at: number, registers: readonly number[], { bytes, signed }: Shape, l: number): void {
  const { u } = w;
  for (let v = 0; v < registers.length; v++) {
    const d = registers[v] as number;
    if (bytes === 4) u[d + l] = m.words[(at >> 2) + v] as number;
    else if (bytes === 2) u[d + l] = extend(m.halves[(at >> 1) + v] as number, 16, signed);
    else if (bytes === 8) {
      u[d + 2 * l] = m.words[(at >> 2) + 2 * v] as number;
      u[d + 2 * l + 1] = m.words[(at >> 2) + 2 * v + 1] as number;
    } else u[d + l] = extend(m.bytes[at + v] as number, 8, signed);
  }
}

function put(w: Warp, m: Cells, at: number, registers: readonly number[], { bytes }: Shape, l: number): void {
  const { u } = w;
  for (let v = 0; v < registers.length; v++) {
    const a = registers[v] as number;
    if (bytes === 4) m.words[(at >> 2) + v] = u[a + l] as number;
    else if (bytes === 2) m.halves[(at >> 1) + v] = u[a + l] as number;
    else if (bytes === 8) {
      m.words[(at >> 2) + 2 * v] = u[a + 2 * l] as number;
      m.words[(at >> 2) + 2 * v + 1] = u[a + 2 * l + 1] as number;
    } else m.bytes[at + v] = u[a + l] as number;
  }
}

const extend = (x: number, bits: number, signed: boolean): number => (signed ? (x << (32 - bits)) >> (32 - bits) : x);

/** The low word of a lane's shared address; what has its highest bit set is negative, and refused as out of range. */
const sharedAddress = ({ s }: Warp, a: AddressSource, l: number): number =>
  ((s[a.slot + (a.wide ? 2 * l : l)] as number) + a.offset) | 0;

const loadShared =
  (registers: readonly number[], a: AddressSource, shape: Shape): Execute =>
  (w, lanes, n) => {
    const { shared } = w.cta;
    const bytes = shape.bytes * shape.count;
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const at = sharedAddress(w, a, l);
      shared.read(w, l, at, bytes);
      w.addresses[i] = at;
    }
    for (let i = 0; i < n; i++) get(w, shared, w.addresses[i] as number, registers, shape, lanes[i] as number);
    countBanks(w, lanes, n, bytes);
  };

const storeShared =
  (registers: readonly number[], a: AddressSource, shape: Shape): Execute =>
  (w, lanes, n) => {
    const { shared } = w.cta;
    const bytes = shape.bytes * shape.count;
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const at = sharedAddress(w, a, l);
      shared.write(w, l, at, bytes);
      w.addresses[i] = at;
      put(w, shared, at, registers, shape, l);
    }
    countBanks(w, lanes, n, bytes);
  };

/** Counts an access whose addresses are in w.addresses. */
export function countBanks(w: Warp, lanes: ArrayLike<number>, n: number, bytes: number): void {
  const { tally } = w.cta;
  if (tally === null) return;
  tally.wavefronts[w.pc] = (tally.wavefronts[w.pc] as number) + wavefronts(w.addresses, lanes, n, bytes);
  tally.ideal[w.pc] = (tally.ideal[w.pc] as number) + phasesOf(lanes, n, bytes);
}

/** Low and high words of the global addresses, in `w.low` and `w.high` in the order of the lanes. */
function globalAddresses(w: Warp, a: AddressSource, lanes: Uint8Array, n: number): void {
  const { u, low, high } = w;
  for (let i = 0; i < n; i++) {
    const at = a.slot + 2 * (lanes[i] as number);
    const sum = (u[at] as number) + a.offset;
    low[i] = sum;
    high[i] = (u[at + 1] as number) + (sum >= WORD ? 1 : sum < 0 ? -1 : 0);
  }
}

const WORD = 2 ** 32;

const needWide = (o: Operands, a: AddressSource): AddressSource =>
  a.wide ? a : o.refuse('a global address has 64 bits');

const loadGlobal =
  (registers: readonly number[], a: AddressSource, shape: Shape): Execute =>
  (w, lanes, n) => {
    const { global } = w.cta;
    const bytes = shape.bytes * shape.count;
    globalAddresses(w, a, lanes, n);
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const buffer = global.locate(w, l, w.high[i] as number, w.low[i] as number, bytes);
      const at = global.offsetOf(w.low[i] as number);
      buffer.watch?.load(w, l, at, bytes);
      get(w, buffer, at, registers, shape, l);
    }
    countSectors(w, n);
  };

const storeGlobal =
  (registers: readonly number[], a: AddressSource, shape: Shape): Execute =>
  (w, lanes, n) => {
    const { global } = w.cta;
    const bytes = shape.bytes * shape.count;
    globalAddresses(w, a, lanes, n);
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const buffer = global.locateWritten(w, l, w.high[i] as number, w.low[i] as number, bytes);
      const at = global.offsetOf(w.low[i] as number);
      buffer.watch?.store(w, l, at, bytes);
      put(w, buffer, at, registers, shape, l);
    }
    countSectors(w, n);
  };

const sectors = new Float64Array(32);

/** Different 32-byte sectors among the first n global addresses. No access crosses one: they are aligned to their size. */
function countSectors(w: Warp, n: number): void {
  const { tally } = w.cta;
  if (tally === null) return;
  let different = 0;
  for (let i = 0; i < n; i++) {
    const sector = (w.high[i] as number) * WORD + ((w.low[i] as number) & ~31);
    let k = different - 1;
    while (k >= 0 && sectors[k] !== sector) k--;
    if (k < 0) sectors[different++] = sector;
  }
  tally.sectors[w.pc] = (tally.sectors[w.pc] as number) + different;
}

/**
 * atom.global.add and red.global.add of 32 bits; lanes in order, which no program may rely on. In f32, subnormal operands
 * and results count as zeros of their sign (PTX ISA, "atom").
 */
const atomic: Decoder = (o) => {
  const match = /^(atom|red)\.(?:relaxed\.|gpu\.)*global\.(?:gpu\.)?add\.([suf])32$/.exec(o.opcode);
  if (match === null) return o.refuse();
  const gives = match[1] === 'atom';
  o.expect(gives ? 3 : 2);
  const old = gives ? o.destination(0, false) : o.slots.sink(false);
  const address = needWide(o, o.address(gives ? 1 : 0));
  const float = match[2] === 'f';
  return { execute: add(old, address, o.source(gives ? 2 : 1, float ? 'float' : 'int'), float) };
};

const LEAST_NORMAL = 2 ** -126;
const flushed = (x: number): number => (Math.abs(Math.fround(x)) < LEAST_NORMAL ? 0 * x : x);

const single = new Float32Array(1);
const bits = new Uint32Array(single.buffer);

const add =
  (old: number, a: AddressSource, b: number, float: boolean): Execute =>
  (w, lanes, n) => {
    const { global } = w.cta;
    globalAddresses(w, a, lanes, n);
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const low = w.low[i] as number;
      const { words, watch } = global.locateWritten(w, l, w.high[i] as number, low, 4);
      watch?.add(w, l, global.offsetOf(low), 4);
      const at = global.offsetOf(low) >> 2;
      const was = words[at] as number;
      if (float) {
        bits[0] = was;
        single[0] = flushed(flushed(single[0] as number) + flushed(w.f[b + l] as number));
        words[at] = bits[0] as number;
      } else words[at] = was + (w.u[b + l] as number);
      w.u[old + l] = was;
    }
    countSectors(w, n);
  };

// ---- cp.async

const copy: Decoder = (o) => {
  if (o.opcode === 'cp.async.commit_group') return { execute: (w, lanes, n) => w.copies.commit(lanes, n) };
  if (o.opcode === 'cp.async.wait_all') return waitAll;
  if (o.opcode === 'cp.async.wait_group') return waitGroup(o.literal(0));
  const match = /^cp\.async\.(ca|cg)\.shared(?:::cta)?\.global(?:\.L2::(?:64|128|256)B)?$/.exec(o.opcode);
  if (match === null) return o.refuse();
  const size = o.literal(2);
  const sizes = match[1] === 'cg' ? [16] : [4, 8, 16];
  if (!sizes.includes(size)) return o.refuse(`copies of ${size} bytes; it takes ${sizes.join(', ')}`);
  if (o.count > 4) o.refuse(`it has ${o.count} operands`);
  const length = o.count === 4 ? o.source(3, 'int') : o.slots.constant(size, 0, false);
  return { execute: issue(o.address(0), needWide(o, o.address(1)), size, length) };
};

const waitGroup = (left: number): Decoded => ({ execute: (w, lanes, n) => w.copies.wait(w, lanes, n, left) });
const waitAll: Decoded = {
  execute: (w, lanes, n) => {
    w.copies.commit(lanes, n);
    w.copies.wait(w, lanes, n, 0);
  },
};

/** The first `length` bytes are read, the rest of `size` becomes 0. Only what is read must exist. */
const issue =
  (to: AddressSource, from: AddressSource, size: number, length: number): Execute =>
  (w, lanes, n) => {
    const { shared, global } = w.cta;
    globalAddresses(w, from, lanes, n);
    for (let i = 0; i < n; i++) {
      const l = lanes[i] as number;
      const at = sharedAddress(w, to, l);
      const low = w.low[i] as number;
      const bytes = w.u[length + l] as number;
      if (bytes > size) throw fault(w, 'LAC0821', `${bytes} bytes of a copy of ${size} are to be read`, l);
      if (low % size !== 0)
        throw fault(w, 'LAC0821', `the source of a copy of ${size} is at ${low % size} mod ${size}`, l);
      shared.issueCopy(w, l, at, size);
      w.copies.issue(l, at, size);
      w.addresses[i] = at;
      shared.bytes.fill(0, at + bytes, at + size);
      if (bytes === 0) continue;
      const buffer = global.locateBytes(w, l, w.high[i] as number, low, bytes);
      const begin = global.offsetOf(low);
      buffer.watch?.load(w, l, begin, bytes);
      for (let b = 0; b < bytes; b++) shared.bytes[at + b] = buffer.bytes[begin + b] as number;
    }
    countSectors(w, n);
    countBanks(w, lanes, n, size);
  };

export const MEMORY_DECODERS: Readonly<Record<string, Decoder>> = {
  ld: load,
  ldu: load,
  st: store,
  atom: atomic,
  red: atomic,
  cp: copy,
};

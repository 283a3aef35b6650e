import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { type BufferType, bytesOf, is16Bit } from '../../../compiler/ir/types.js';
import { spanInOrder } from '../../../compiler/layout/axes.js';
import { planAccess, type SharedAccess } from '../../../compiler/layout/shared-access.js';
import { bufferSlotBytes, storageOfSwizzle } from '../../../compiler/layout/storage.js';
import { type Address, at, imm, type Operand, type Reg } from '../isa/operand.js';
import { dtypeOf, type Emitter, layoutOf } from './emitter.js';
import { halfOf, inRegister } from './halves.js';
import { makeTile, type Tile } from './tile.js';

/** Where the slots of a buffer lie. */
export interface BufferPlace {
  readonly type: BufferType;
  readonly swizzle: readonly number[] | undefined;
  /** Byte offset of slot 0 in shared memory. */
  readonly offset: number;
  readonly slotBytes: number;
}

export function placeOf(buffer: Value | undefined): BufferPlace {
  const op = buffer?.def;
  if (buffer?.type.kind !== 'buffer' || op?.kind !== 'op' || op.name !== 'smem_alloc')
    throw new Bug('a buffer that no smem_alloc made');
  const { swizzle, offset } = (op as Op<'smem_alloc'>).attrs;
  if (offset === undefined) throw new Bug('a buffer without a place: plan-shared comes before the lowering');
  const { shape, dtype } = buffer.type;
  const slotBytes = bufferSlotBytes(shape, bytesOf(dtype), storageOfSwizzle(swizzle));
  return { type: buffer.type, swizzle, offset, slotBytes };
}

/** b32 address of a slot. */
export function slotBase(e: Emitter, { offset, slotBytes }: BufferPlace, slot: Operand): Reg {
  if (slot.kind !== 'reg') {
    const bytes = offset + Number(slot.value) * slotBytes;
    if (bytes === 0) return e.sharedBase();
    return e.hoisted(`shared + ${bytes}`, () => e.b.op('add.s32', e.sharedBase(), imm(bytes)));
  }
  return e.b.op('mad.lo.s32', slot, imm(slotBytes), slotBase(e, { offset, slotBytes } as BufferPlace, imm(0)));
}

/**
 * Addresses base + (thread part XOR constant): what of the constant does not meet a bit that the thread part can have is
 * an immediate of the instruction, the few values of the rest are computed once.
 */
export class SlotAddresses {
  readonly #e: Emitter;
  readonly #base: Reg;
  readonly #bases: { readonly lane: readonly number[]; readonly warp: readonly number[] };
  readonly #meets: number;
  readonly #known = new Map<number, Reg>();

  constructor(e: Emitter, base: Reg, bases: { lane: readonly number[]; warp: readonly number[] }) {
    this.#e = e;
    this.#base = base;
    this.#bases = bases;
    this.#meets = [...bases.lane, ...bases.warp].reduce((m, b) => m | b, 0);
  }

  at(offset: number): Address {
    return at(this.#with(offset & this.#meets), offset & ~this.#meets);
  }

  #with(flip: number): Reg {
    const known = this.#known.get(flip);
    if (known !== undefined) return known;
    const { lane, warp } = this.#bases;
    const e = this.#e;
    const part = e.threadPart(this.#bases);
    const make = (): Reg => {
      if (part.kind !== 'reg') return flip === 0 ? this.#base : e.b.op('add.s32', this.#base, imm(flip));
      const flipped =
        flip === 0
          ? part
          : e.hoisted(`flip ${lane.join(' ')} ${warp.join(' ')} ${flip}`, () => e.b.op('xor.b32', part, imm(flip)));
      return e.b.op('add.s32', this.#base, flipped);
    };
    const made = make();
    this.#known.set(flip, made);
    e.onLeave(() => this.#known.delete(flip));
    return made;
  }
}

export const bytesAt = (place: BufferPlace): 2 | 4 => (bytesOf(place.type.dtype) === 2 ? 2 : 4);

/** Register numbers of the elements of one step, in the order of memory or of the fragment. */
const registersOf = (access: SharedAccess, step: { register: number }): number[] =>
  spanInOrder(access.run.map((b) => 2 ** b)).map((r) => r ^ step.register);

// ---- reads

/** Registers are read when they are asked for; `now` where what lies there may change before (see place-barriers). */
export function emitRead(e: Emitter, op: Op<'smem_read'>): void {
  const v = op.results[0] as Value;
  const place = placeOf(op.operands[0]);
  const storage = storageOfSwizzle(place.swizzle);
  const layout = layoutOf(v);
  const access = planAccess(layout, place.type.shape, bytesAt(place), storage, 'read', e);
  const base = slotBase(e, place, e.scalar(op.operands[1] as Value));
  const addresses = new SlotAddresses(e, base, { lane: access.laneBases, warp: access.warpBases });
  // Here and not on demand: parts of the program that may not run would each make them anew.
  for (const step of access.steps) addresses.at(step.offset);
  const loaded = new LoadedSteps(e, access, addresses, bytesAt(place));
  const from = is16Bit(dtypeOf(v)) ? { pair: (i: number) => loaded.pair(i) } : { lane: (r: number) => loaded.word(r) };
  const tile = makeTile(e, dtypeOf(v), layout, from);
  e.setTile(v, tile);
  if (op.attrs.now === true) tile.force();
}

interface Place {
  readonly step: number;
  readonly position: number;
}

/** The instructions of a read, each issued when one of its registers is asked for. */
class LoadedSteps {
  readonly #e: Emitter;
  readonly #access: SharedAccess;
  readonly #addresses: SlotAddresses;
  readonly #bytes: 2 | 4;
  readonly #places = new Map<number, Place>();
  readonly #words = new Map<number, readonly Reg[]>();

  constructor(e: Emitter, access: SharedAccess, addresses: SlotAddresses, bytes: 2 | 4) {
    this.#e = e;
    this.#access = access;
    this.#addresses = addresses;
    this.#bytes = bytes;
    access.steps.forEach((s, step) => {
      registersOf(access, s).forEach((r, position) => {
        this.#places.set(r, { step, position });
      });
    });
  }

  #place(register: number): Place {
    const place = this.#places.get(this.#access.source[register] ?? -1);
    if (place === undefined) throw new Bug(`no step reads register ${register}`);
    return place;
  }

  word(register: number): Reg {
    const { step, position } = this.#place(register);
    return this.#load(step)[position] ?? none();
  }

  /** Registers 2i and 2i+1 in one: as they come, or put together. */
  pair(i: number): Reg {
    const low = this.#place(2 * i);
    const registers = this.#access.source.length;
    const high = 2 * i + 1 < registers ? this.#place(2 * i + 1) : low;
    const [l, h] = [this.#half(low), this.#half(high)];
    if (l.word === h.word && l.half === 0 && h.half === 1) return l.word;
    const bytes = (x: { half: number }, from: number): number => (x.half === 0 ? 0x10 : 0x32) + from * 0x11;
    return this.#e.b.op('prmt.b32', l.word, h.word, imm(bytes(l, 0) | ((bytes(h, 4) & 0xff) << 8)));
  }

  #half({ step, position }: Place): { word: Reg; half: number } {
    const words = this.#load(step);
    return { word: words[position >> 1] ?? none(), half: position & 1 };
  }

  #load(step: number): readonly Reg[] {
    const known = this.#words.get(step);
    if (known !== undefined) return known;
    const { offset } = this.#access.steps[step] ?? none();
    const made = this.#issue(this.#addresses.at(offset));
    this.#words.set(step, made);
    this.#e.onLeave(() => this.#words.delete(step));
    return made;
  }

  #issue(address: Address): readonly Reg[] {
    const { b } = this.#e;
    const { form, width } = this.#access;
    const words = (width * this.#bytes) / 4;
    if (form === 'ldmatrix') return matrixLoad(this.#e, words, address);
    if (form === 'ldmatrix.trans') return matrixLoadTrans(this.#e, words, address);
    if (words === 4) return b.ops('ld.shared.v4.b32', address);
    if (words === 2) return b.ops('ld.shared.v2.b32', address);
    if (words === 1) return [b.op('ld.shared.b32', address)];
    return [b.op('cvt.u32.u16', b.op('ld.shared.b16', address))];
  }
}

const none = (): never => {
  throw new Bug('a read of fewer registers than its layout says');
};

function matrixLoad({ b }: Emitter, words: number, address: Address): readonly Reg[] {
  if (words === 4) return b.ops('ldmatrix.sync.aligned.m8n8.x4.shared.b16', address);
  if (words === 2) return b.ops('ldmatrix.sync.aligned.m8n8.x2.shared.b16', address);
  return [b.op('ldmatrix.sync.aligned.m8n8.x1.shared.b16', address)];
}

function matrixLoadTrans({ b }: Emitter, words: number, address: Address): readonly Reg[] {
  if (words === 4) return b.ops('ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16', address);
  if (words === 2) return b.ops('ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16', address);
  return [b.op('ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16', address)];
}

// ---- writes

export function emitWrite(e: Emitter, op: Op<'smem_write'>): void {
  const place = placeOf(op.operands[0]);
  writeTile(e, place, e.scalar(op.operands[1] as Value), e.tile(op.operands[2] as Value));
}

export function writeTile(e: Emitter, place: BufferPlace, slot: Operand, tile: Tile): void {
  const storage = storageOfSwizzle(place.swizzle);
  const access = planAccess(tile.layout, place.type.shape, bytesAt(place), storage, 'write', e);
  const addresses = new SlotAddresses(e, slotBase(e, place, slot), { lane: access.laneBases, warp: access.warpBases });
  const active = writers(e, access.idle);
  for (const step of access.steps) {
    const words = wordsToStore(e, tile, registersOf(access, step), bytesAt(place));
    const address = addresses.at(step.offset);
    const store = (): void => storeWords(e, access, words, address);
    if (active === null) store();
    else e.b.when(active, false, store);
  }
}

/** A predicate that holds in the threads that write; null: all do. */
export function writers(e: Emitter, idle: { lane: number; warp: number }): Reg | null {
  const mask = idle.lane | (idle.warp << 5);
  if (mask === 0) return null;
  return e.hoisted(`writers ${mask}`, () => e.b.op('setp.eq.s32', e.b.op('and.b32', e.tid(), imm(mask)), imm(0)));
}

/** The 32-bit words of one step; of a single 16-bit element a b16 register. */
function wordsToStore(e: Emitter, tile: Tile, registers: readonly number[], bytes: 2 | 4): Reg[] {
  if (bytes === 4) return registers.map((r) => inRegister(e, tile.lane(r)));
  const [only] = registers;
  if (registers.length === 1 && only !== undefined) return [halfOf(e, tile.pair(only >> 1), only & 1)];
  return Array.from({ length: registers.length / 2 }, (_, i) =>
    pairOf(e, tile, registers[2 * i] ?? 0, registers[2 * i + 1] ?? 0),
  );
}

/** Any two registers in one word. */
function pairOf(e: Emitter, tile: Tile, low: number, high: number): Reg {
  if ((low & 1) === 0 && high === low + 1) return tile.pair(low >> 1);
  const selector = ((low & 1) === 0 ? 0x10 : 0x32) | ((high & 1) === 0 ? 0x5400 : 0x7600);
  return e.b.op('prmt.b32', tile.pair(low >> 1), tile.pair(high >> 1), imm(selector));
}

function storeWords({ b }: Emitter, { form }: SharedAccess, words: readonly Reg[], address: Address): void {
  const [first] = words;
  if (first === undefined) throw new Bug('a write of nothing');
  const trans = form === 'stmatrix.trans';
  if (trans || form === 'stmatrix') {
    if (words.length === 4) b.exec(`stmatrix.sync.aligned.m8n8.x4${trans ? '.trans' : ''}.shared.b16`, address, words);
    else if (words.length === 2)
      b.exec(`stmatrix.sync.aligned.m8n8.x2${trans ? '.trans' : ''}.shared.b16`, address, words);
    else b.exec(`stmatrix.sync.aligned.m8n8.x1${trans ? '.trans' : ''}.shared.b16`, address, first);
  } else if (words.length === 4) b.exec('st.shared.v4.b32', address, words);
  else if (words.length === 2) b.exec('st.shared.v2.b32', address, words);
  else if (first.cls === 'b32') b.exec('st.shared.b32', address, first);
  else b.exec('st.shared.b16', address, first);
}

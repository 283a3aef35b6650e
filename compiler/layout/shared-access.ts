import { Bug } from '../diag/diagnostic.js';
import { compose, divideLeft, type InBit } from './algebra.js';
import { spanInOrder } from './axes.js';
import { phaseBits, WAVEFRONT_BYTES, ways } from './banks.js';
import { combine, independent, solver } from './gf2.js';
import { freeBits } from './holders.js';
import { type Layout, log2, makeLayout, registerCount, tileBits } from './layout.js';
import { divideByMatrix, type MatrixAccess } from './matrix.js';
import { offsetBases, type Storage } from './storage.js';

export type AccessForm = 'ldmatrix' | 'ldmatrix.trans' | 'stmatrix' | 'stmatrix.trans' | 'vector';

/** What of the instruction set an access may use beside vectors and ldmatrix. */
export interface AccessFeatures {
  /** stmatrix: sm_90. */
  readonly stmatrix: boolean;
}

/**
 * How the threads of a program read or write a whole tile in shared memory. The byte address of an instruction is, all by
 * XOR: slot base, `offset` of the step, `laneBases` of the set bits of the lane, `warpBases` of the set bits of the warp.
 * In the matrix forms the lane is the one that supplies an address: 8 * matrix + row.
 */
export interface SharedAccess {
  readonly form: AccessForm;
  /** Elements of one thread that an instruction moves: 2^run.length. */
  readonly width: number;
  /**
   * Register bits that count these elements; bit i of the position in memory (vector) or in the 32-bit registers of the
   * fragment (matrix forms: halves first where elements have 16 bits, then matrices) is register bit run[i].
   */
  readonly run: readonly number[];
  /** One instruction each: its lowest register, to whose number the combinations of `run` are added, and its byte offset. */
  readonly steps: readonly { readonly register: number; readonly offset: number }[];
  readonly laneBases: readonly number[];
  readonly warpBases: readonly number[];
  /** Reads: register r of the result is what the steps put into register source[r]; other than r where registers repeat. */
  readonly source: readonly number[];
  /** Writes: lanes and warps with one of these bits set hold copies and leave the writing to others. */
  readonly idle: { readonly lane: number; readonly warp: number };
  /** Wavefronts that each phase of an instruction takes; 1 is free of bank conflicts. */
  readonly ways: number;
  /** Wavefronts of one warp for the whole tile. */
  readonly wavefronts: number;
  /** SM cycles of one warp for the whole tile: wavefronts, and instructions at four a cycle. */
  readonly cost: number;
}

/**
 * The cheapest form of an access to a tile of `bufferShape` that lies in `storage`; of equals the one with the fewest
 * instructions. `layout` is over registers, lanes and warps; a write needs one that holds the whole tile.
 */
export function planAccess(
  layout: Layout,
  bufferShape: readonly number[],
  elementBytes: 2 | 4,
  storage: Storage,
  direction: 'read' | 'write',
  features: AccessFeatures,
): SharedAccess {
  const view = storedView(layout, bufferShape, elementBytes, storage, direction);
  return access(view, bestOf(view, features));
}

/** `cost` of the same, without the instructions. */
export function accessCost(
  layout: Layout,
  bufferShape: readonly number[],
  elementBytes: 2 | 4,
  storage: Storage,
  direction: 'read' | 'write',
  features: AccessFeatures,
): number {
  return costOf(bestOf(storedView(layout, bufferShape, elementBytes, storage, direction), features));
}

const bestOf = (view: StoredView, features: AccessFeatures): Form =>
  formsOf(view, features).reduce((best, f) => (better(f, best) ? f : best));

/** What the price of an access depends on, for every storage in which chunks of some size stay whole. */
export interface AccessPattern {
  /** Tile index of each lane bit of one phase. */
  readonly phase: readonly number[];
  readonly bytesPerLane: number;
  readonly instructions: number;
  /** Phases of one instruction. */
  readonly phases: number;
}

/**
 * The forms that an access can have wherever chunks of so many bytes stay whole, as row-major order shows them: an
 * instruction's division looks at the bits of a byte offset below 16 only, those of vectors below their width.
 */
export function accessPatterns(
  layout: Layout,
  bufferShape: readonly number[],
  elementBytes: 2 | 4,
  direction: 'read' | 'write',
  features: AccessFeatures,
): (chunkBytes: number) => AccessPattern[] {
  const forms = formsOf(storedView(layout, bufferShape, elementBytes, { kind: 'plain' }, direction), features);
  return (chunkBytes) =>
    forms
      .filter((f) => f.form === 'vector' || chunkBytes === 16)
      .map((f) => {
        const whole = f.form === 'vector' ? 2 ** f.run.length * elementBytes : 16;
        const bytesPerLane = Math.min(whole, chunkBytes);
        const phases = f.form === 'vector' ? vectorPhases(bytesPerLane) : f.phases;
        const phase = f.laneBases.slice(0, phaseBits(bytesPerLane)).map((b) => b / elementBytes);
        return { phase, bytesPerLane, instructions: (f.instructions * whole) / bytesPerLane, phases };
      });
}

/** SM cycles of one warp; `tileOffsets`: byte offset of each bit of the tile index. Without: free of conflicts. */
export function patternCost(p: AccessPattern, tileOffsets?: readonly number[]): number {
  const lanes = p.phase.map((v) => combine(tileOffsets ?? [], v));
  return p.instructions * (p.phases * (tileOffsets === undefined ? 1 : ways(lanes, p.bytesPerLane)) + 1 / 4);
}

/** One way to do an access, before each instruction of it is worked out. */
interface Form {
  readonly form: AccessForm;
  /** In register bits of the view. */
  readonly run: readonly number[];
  readonly laneBases: readonly number[];
  readonly instructions: number;
  /** Of one instruction. */
  readonly phases: number;
  readonly ways: number;
}

function formsOf(view: StoredView, features: AccessFeatures): Form[] {
  const vector = vectorForm(view);
  const name = view.direction === 'read' ? 'ldmatrix' : 'stmatrix';
  // Lanes that repeat each other cannot stay out of an instruction of the whole warp.
  if (view.direction === 'write' && (!features.stmatrix || view.idle.lane !== 0)) return [vector];
  const matrix = [matrixForm(view, 'plain', name), matrixForm(view, 'trans', name)];
  return [vector, ...matrix.filter((f) => f !== null)];
}

const wavefrontsOf = ({ instructions, phases, ways: n }: Form): number => instructions * phases * n;
const costOf = (f: Form): number => wavefrontsOf(f) + f.instructions / 4;

const better = (a: Form, b: Form): boolean =>
  costOf(a) < costOf(b) || (costOf(a) === costOf(b) && a.instructions < b.instructions);

/** The layout as registers that are really moved, and byte offsets. */
interface StoredView {
  readonly layout: Layout;
  readonly direction: 'read' | 'write';
  readonly elementBytes: 2 | 4;
  /** Registers (those of `bits`), lanes and warps to byte offsets. */
  readonly offsets: Layout;
  /** Register bits of the layout that register bits 0, 1, ... of `offsets` are. */
  readonly bits: readonly number[];
  readonly idle: { readonly lane: number; readonly warp: number };
}

function storedView(
  layout: Layout,
  shape: readonly number[],
  elementBytes: 2 | 4,
  storage: Storage,
  direction: 'read' | 'write',
): StoredView {
  const tileOffsets = offsetBases(shape, elementBytes, storage);
  if (tileOffsets === null) throw new Bug('layout: an access needs a storage that is linear');
  if (layout.ins.invocation !== undefined) throw new Bug('layout: an access needs lanes and warps');
  const { register = [], lane = [], warp = [] } = layout.ins;
  const free = freeBits(layout);
  const all = [...register.keys()];
  const bits = direction === 'read' ? [...independent(register)] : all.filter((b) => ((free.register >>> b) & 1) === 0);
  const kept = makeLayout(layout.shape, {
    register: bits.map((b) => register[b] ?? 0),
    lane: Array.from({ length: 5 }, (_, i) => lane[i] ?? 0),
    warp,
  });
  return {
    layout,
    direction,
    elementBytes,
    offsets: compose(tileOffsets, kept, tileBits(shape) + log2(elementBytes)),
    bits,
    idle: direction === 'read' ? { lane: 0, warp: 0 } : { lane: free.lane, warp: free.warp },
  };
}

/** Reads: for each register the one with only `bits` set that holds the same element. */
function sourcesOf({ layout, direction, bits }: StoredView): number[] {
  if (direction === 'write') return [...Array(registerCount(layout)).keys()];
  const { register = [] } = layout.ins;
  const find = solver(bits.map((b) => register[b] ?? 0));
  const spread = bits.map((b) => 2 ** b);
  return spanInOrder(register).map((element) => combine(spread, find(element) ?? 0));
}

/** Vectors are register bits that are the lowest bits of the address, which nothing else touches. */
function vectorForm(v: StoredView): Form {
  const register = v.offsets.ins.register ?? [];
  const run: number[] = [];
  const tile: InBit[] = [];
  for (let image: number = v.elementBytes; image < 16; image *= 2) {
    const bit = register.indexOf(image);
    if (bit < 0) break;
    tile.push({ dim: 'register', bit, image });
    if (divideLeft(v.offsets, tile) === null) break;
    run.push(bit);
  }
  const laneBases = v.offsets.ins.lane ?? [];
  const bytes = v.elementBytes * 2 ** run.length;
  const instructions = 2 ** (register.length - run.length);
  return { form: 'vector', run, laneBases, instructions, phases: vectorPhases(bytes), ways: ways(laneBases, bytes) };
}

const vectorPhases = (bytesPerLane: number): number => Math.max(1, (32 * bytesPerLane) / WAVEFRONT_BYTES);

function matrixForm(v: StoredView, form: MatrixAccess['form'], name: 'ldmatrix' | 'stmatrix'): Form | null {
  const matrix = divideByMatrix(v.offsets, v.elementBytes, form);
  // The two elements of a 32-bit register are registers 2i and 2i + 1 of the tile.
  if (matrix === null || (v.elementBytes === 2 && v.bits[0] !== 0)) return null;
  const run = [...(v.elementBytes === 2 ? [0] : []), ...matrix.matrixBits];
  const laneBases = Array.from({ length: 5 }, (_, i) => matrix.addressBases[i] ?? 0);
  const instructions = 2 ** ((v.offsets.ins.register ?? []).length - run.length);
  return {
    form: form === 'trans' ? `${name}.trans` : name,
    run,
    laneBases,
    instructions,
    phases: 2 ** matrix.matrixBits.length,
    ways: ways(laneBases.slice(0, 3), 16),
  };
}

function access(v: StoredView, f: Form): SharedAccess {
  const register = v.offsets.ins.register ?? [];
  const repeat = [...register.keys()].filter((b) => !f.run.includes(b));
  const offsets = spanInOrder(repeat.map((b) => register[b] ?? 0));
  const registers = spanInOrder(repeat.map((b) => 2 ** (v.bits[b] ?? 0)));
  return {
    form: f.form,
    width: 2 ** f.run.length,
    run: f.run.map((b) => v.bits[b] ?? 0),
    steps: registers.map((r, i) => ({ register: r, offset: offsets[i] ?? 0 })),
    laneBases: f.laneBases,
    warpBases: v.offsets.ins.warp ?? [],
    source: sourcesOf(v),
    idle: v.idle,
    ways: f.ways,
    wavefronts: wavefrontsOf(f),
    cost: costOf(f),
  };
}

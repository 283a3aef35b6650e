/**
 * Enters: tiles laid out over registers, lanes and warps, with a `convert` where a use asks for another layout. Leaves:
 * converts only where registers are renamed, selected or shuffled (attribute `how`); the others are a buffer in shared
 * memory, a write where the tile is made, and reads where it is used. All that read one tile share its buffer, its write,
 * and the swizzle that is cheapest for all of them together.
 *
 * Sound: each buffer has one write, which stands where its tile is defined. A read stands behind it, in the block of the
 * convert or further in, so between the two the tile is not made anew and nothing else writes the buffer. Barriers are a
 * later pass.
 */
import { Structure } from '../analysis/structure.js';
import { Bug } from '../diag/diagnostic.js';
import { type Block, type Kernel, newOp, type Op, type Value, walk } from '../ir/module.js';
import { definedBy } from '../ir/rewrite.js';
import { bufferType, bytesOf, isFloat, scalarType, type TileType, tileType } from '../ir/types.js';
import { transpose } from '../layout/axes.js';
import type { Layout } from '../layout/layout.js';
import { planRoutes } from '../layout/routes.js';
import type { AccessFeatures } from '../layout/shared-access.js';
import type { Storage } from '../layout/storage.js';
import type { Pass } from './pass.js';
import { sinkReads } from './plan-conversions/sink-reads.js';

/** `features`: what the target has beside ldmatrix. */
export const planConversions = (features: AccessFeatures): Pass => ({
  name: 'plan-conversions',
  summary: 'Decides how each tile reaches another layout: by renaming, select, shuffle or shared memory.',
  requires: ['infer-layouts'],
  run(kernel) {
    new Planner(kernel, features).run();
  },
});

class Planner {
  readonly #kernel: Kernel;
  readonly #features: AccessFeatures;
  readonly #structure: Structure;
  /** Slot number and buffers, to stand at the top of the kernel. */
  readonly #top: Op[] = [];

  constructor(kernel: Kernel, features: AccessFeatures) {
    this.#kernel = kernel;
    this.#features = features;
    convertNarrow(kernel.body);
    const converted = new Set([...walk(kernel.body)].filter(isConvert).map(sourceOf));
    transposeLate(kernel.body, converted);
    shortenChains(kernel);
    this.#structure = new Structure(kernel);
  }

  run(): void {
    const bySource = new Map<Value, Op<'convert'>[]>();
    for (const op of [...walk(this.#kernel.body)]) {
      if (!isConvert(op)) continue;
      if (this.#structure.users(resultOf(op)).length === 0) {
        this.#remove(op);
        continue;
      }
      const source = sourceOf(op);
      bySource.set(source, [...(bySource.get(source) ?? []), op]);
    }
    for (const [source, converts] of bySource) this.#plan(source, converts);
    this.#kernel.body.ops.unshift(...this.#top);
  }

  #plan(source: Value, converts: readonly Op<'convert'>[]): void {
    const type = tileOf(source);
    const { kinds, storage } = planRoutes({
      from: layoutOf(source),
      executions: this.#structure.executions(this.#structure.scope(source)),
      destinations: converts.map((op) => ({
        layout: layoutOf(resultOf(op)),
        executions: this.#structure.executions(this.#structure.home(op)),
      })),
      elementBytes: bytesOf(type.dtype) === 2 ? 2 : 4,
      features: this.#features,
      // Copies from global memory may take over the write.
      wholeChunks: definedBy(source, 'load') !== null,
    });
    const shared = converts.filter((op, i) => {
      const kind = kinds[i];
      if (kind !== undefined && kind !== 'shared') op.attrs.how = kind;
      return kind === 'shared';
    });
    if (storage !== null) this.#share(source, shared, storage);
  }

  /** Puts a tile into a buffer, once, and reads in the place of converts. */
  #share(source: Value, converts: readonly Op<'convert'>[], storage: Storage): void {
    const { dtype, shape } = tileOf(source);
    const stored = dtype === 'i1' ? 'i32' : dtype;
    const alloc = newOp('smem_alloc', [], swizzleAttr(storage), [bufferType(stored, 1, shape)], [], locOf(source));
    const buffer = resultOf(alloc);
    buffer.hint = `${source.hint ?? 'tile'}_shared`;
    const slot = this.#slot();
    this.#top.push(alloc);
    insertBehind(source, this.#structure, writeOf(source, buffer, slot));
    for (const convert of converts) {
      const result = resultOf(convert);
      this.#remove(convert);
      sinkReads(result, this.#structure.home(convert), this.#structure, () => readLike(result, buffer, slot, convert));
    }
  }

  #remove(op: Op): void {
    const { ops } = this.#structure.home(op);
    ops.splice(ops.indexOf(op), 1);
  }

  #slot(): Value {
    if (this.#top.length === 0) {
      const zero = newOp('const', [], { value: 0 }, [scalarType('i32')]);
      resultOf(zero).hint = 'slot';
      this.#top.push(zero);
    }
    return resultOf(this.#top[0]);
  }
}

/** Lets a convert of a convert start from the first tile, which may already lie in shared memory. */
function shortenChains(kernel: Kernel): void {
  for (const op of walk(kernel.body)) {
    if (!isConvert(op)) continue;
    const inner = definedBy(sourceOf(op), 'convert');
    if (inner !== null) op.operands = [...inner.operands];
  }
}

/** A 16-bit tile takes half the way of its f32 copy, and may lie in shared memory already: it is cast behind the convert. */
function convertNarrow(block: Block): void {
  block.ops = block.ops.flatMap((op) => {
    op.regions.forEach(convertNarrow);
    const cast = isConvert(op) ? definedBy(sourceOf(op), 'cast') : null;
    const narrow = cast?.operands[0];
    if (narrow === undefined || !isFloat(tileOf(narrow).dtype) || bytesOf(tileOf(narrow).dtype) !== 2) return [op];
    const wide = resultOf(op);
    if (tileOf(wide).dtype !== 'f32') return [op];
    const convert = newOp('convert', [narrow], {}, [tileOf(narrow)], [], op.loc);
    const moved = resultOf(convert);
    if (wide.layout !== undefined) moved.layout = wide.layout;
    const again = newOp('cast', [moved], { to: 'f32' }, [], [], op.loc);
    again.results = [wide];
    wide.def = again;
    return [convert, again];
  });
}

/** convert(trans x) = trans(convert x): where x is converted as well, both can be read from one buffer. */
function transposeLate(block: Block, converted: ReadonlySet<Value>): void {
  block.ops = block.ops.flatMap((op) => {
    for (const region of op.regions) transposeLate(region, converted);
    const x = isConvert(op) ? definedBy(sourceOf(op), 'trans')?.operands[0] : undefined;
    if (x === undefined || !converted.has(x)) return [op];
    const turned = resultOf(op);
    const convert = newOp('convert', [x], {}, [x.type], [], op.loc);
    resultOf(convert).layout = transpose(layoutOf(turned));
    const again = newOp('trans', [resultOf(convert)], {}, [], [], op.loc);
    again.results = [turned];
    turned.def = again;
    return [convert, again];
  });
}

const isConvert = (op: Op): op is Op<'convert'> => op.name === 'convert';

function sourceOf(op: Op): Value {
  const [source] = op.operands;
  if (source === undefined) throw new Bug(`${op.name} has no operand`);
  return source;
}

function resultOf(op: Op | undefined): Value {
  const result = op?.results[0];
  if (result === undefined) throw new Bug(`${op?.name} has no result`);
  return result;
}

function tileOf(v: Value): TileType {
  if (v.type.kind !== 'tile') throw new Bug('a convert is of a tile');
  return v.type;
}

function layoutOf(v: Value): Layout {
  if (v.layout === undefined) throw new Bug('a convert from or to a tile without a layout');
  return v.layout;
}

const locOf = (v: Value) => (v.def.kind === 'op' ? v.def.loc : null);

function swizzleAttr(storage: Storage): { swizzle?: readonly number[] } {
  if (storage.kind !== 'swizzle') return {};
  return { swizzle: [storage.chunkBytes, storage.a, storage.m, storage.s] };
}

/** Masks lie in memory as 0 and 1. */
function writeOf(source: Value, buffer: Value, slot: Value): Op[] {
  const { dtype, shape } = tileOf(source);
  const loc = locOf(source);
  if (dtype !== 'i1') return [newOp('smem_write', [buffer, slot, source], {}, [], [], loc)];
  const numbers = newOp('cast', [source], { to: 'i32' }, [tileType('i32', shape)], [], loc);
  resultOf(numbers).layout = layoutOf(source);
  return [numbers, newOp('smem_write', [buffer, slot, resultOf(numbers)], {}, [], [], loc)];
}

/** The tile of the buffer in the layout of `like`, as the result of the last op. */
function readLike(like: Value, buffer: Value, slot: Value, { loc }: Op): Op[] {
  const { dtype, shape } = tileOf(like);
  const stored = tileType(dtype === 'i1' ? 'i32' : dtype, shape);
  const ops: Op[] = [newOp('smem_read', [buffer, slot], {}, [stored], [], loc)];
  if (dtype === 'i1') {
    const zeros = newOp('const', [], { value: 0 }, [stored], [], loc);
    const operands = [resultOf(ops[0]), resultOf(zeros)];
    ops.push(zeros, newOp('cmp', operands, { pred: 'ne' }, [like.type], [], loc));
  }
  for (const op of ops) resultOf(op).layout = layoutOf(like);
  if (like.hint !== undefined) resultOf(ops.at(-1)).hint = like.hint;
  return ops;
}

/** Right behind the definition of a value: behind its op, or at the top of the block whose argument it is. */
function insertBehind(v: Value, structure: Structure, ops: readonly Op[]): void {
  if (v.def.kind === 'block') {
    v.def.ops.unshift(...ops);
    return;
  }
  const block: Block = structure.home(v.def);
  block.ops.splice(block.ops.indexOf(v.def) + 1, 0, ...ops);
}

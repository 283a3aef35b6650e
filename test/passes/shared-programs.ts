import fc from 'fast-check';
import { type Block, type Kernel, newBlock, newOp, newValue, type Op, type Value } from '../../compiler/ir/module.js';
import { bufferType, scalarType, tileType, viewType } from '../../compiler/ir/types.js';

/** One step of a kernel that only moves tiles between buffers in shared memory and an output. */
interface Step {
  readonly kind: 'write' | 'read' | 'store' | 'for' | 'if';
  readonly buffer: number;
  readonly body: readonly Step[];
  readonly other: readonly Step[];
}

const SIZES = [32, 64, 256, 512];

const steps = (depth: number): fc.Arbitrary<readonly Step[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom('write', 'write', 'read', 'read', 'store', 'store', ...(depth > 0 ? ['for', 'if'] : [])),
      buffer: fc.nat({ max: 5 }),
      body: depth > 0 ? steps(depth - 1) : fc.constant([]),
      other: depth > 0 ? steps(depth - 1) : fc.constant([]),
    }) as fc.Arbitrary<Step>,
    { maxLength: depth === 2 ? 14 : 6, size: 'max' },
  );

/** Reads may come before writes, and their tiles may be stored much later. */
export const sharedPrograms: fc.Arbitrary<readonly Step[]> = steps(2);

export function kernelOf(program: readonly Step[]): Kernel {
  const i32 = scalarType('i32');
  const body = newBlock([viewType('f32', 'out', [64]), i32], ['y', 'n']);
  const [y, n] = body.args as [Value, Value];
  const zero = append(body, newOp('const', [], { value: 0 }, [i32]));
  const one = append(body, newOp('const', [], { value: 1 }, [i32]));
  const buffers = [...SIZES, 32, 64].map((extent) => ({
    buffer: append(body, newOp('smem_alloc', [], {}, [bufferType('f32', 1, [extent])])),
    tile: append(body, newOp('const', [], { value: 0 }, [tileType('f32', [extent])])),
  }));
  const condition = append(body, newOp('cmp', [n, zero], { pred: 'gt' }, [scalarType('i1')]));

  /** `tiles`: what has been read and can be used here. */
  const fill = (block: Block, list: readonly Step[], outer: readonly Value[]): void => {
    const tiles = [...outer];
    for (const { kind, buffer: index, body: first, other } of list) {
      const { buffer, tile } = buffers[index] as (typeof buffers)[number];
      if (kind === 'write') block.ops.push(newOp('smem_write', [buffer, zero, tile], {}, []));
      if (kind === 'read') tiles.push(append(block, newOp('smem_read', [buffer, zero], {}, [tile.type])));
      const stored = tiles[index % Math.max(1, tiles.length)];
      if (kind === 'store' && stored !== undefined) block.ops.push(newOp('store', [y, stored, zero], {}, []));
      if (kind === 'for') block.ops.push(newOp('for', [zero, n, one], {}, [], [region(first, tiles, [i32])]));
      if (kind === 'if')
        block.ops.push(newOp('if', [condition], {}, [], [region(first, tiles, []), region(other, tiles, [])]));
    }
  };
  const region = (list: readonly Step[], tiles: readonly Value[], args: readonly (typeof i32)[]): Block => {
    const block = newBlock(args);
    fill(block, list, tiles);
    block.ops.push(newOp('yield', [], {}, []));
    return block;
  };
  fill(body, program, []);
  return {
    name: 'generated',
    params: [
      { kind: 'view', name: 'y', dims: ['N'], value: y },
      { kind: 'scalar', name: 'n', dtype: 'i32', value: n },
    ],
    axes: [],
    comptime: {},
    config: {},
    body,
  };
}

function append(block: Block, op: Op): Value {
  block.ops.push(op);
  return op.results[0] ?? newValue(scalarType('i32'), op);
}

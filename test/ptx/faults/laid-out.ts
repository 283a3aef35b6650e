import { cloneKernel } from '../../../compiler/ir/clone.js';
import { type Block, type Kernel, newOp, type Op, type Value, walk } from '../../../compiler/ir/module.js';
import { scalarType } from '../../../compiler/ir/types.js';
import type { OpName } from '../../../compiler/ops/table.js';
import { dce } from '../../../compiler/passes/dce.js';

/** Faults seeded in laid-out IR, behind the passes: the lowering believes them. */
export interface IrFault {
  readonly what: string;
  readonly kernel: Kernel;
}

type Change = (op: Op) => readonly Op[];

function rewrite(block: Block, change: Change): void {
  block.ops = block.ops.flatMap((op) => {
    for (const region of op.regions) rewrite(region, change);
    return change(op);
  });
}

/** One fault for each op that is chosen: what `change` makes of it. */
function eachOp(kernel: Kernel, what: string, chosen: (op: Op) => boolean, change: Change): IrFault[] {
  const count = [...walk(kernel.body)].filter(chosen).length;
  return Array.from({ length: count }, (_, n) => {
    const copy = cloneKernel(kernel);
    const broken = [...walk(copy.body)].filter(chosen)[n];
    rewrite(copy.body, (op) => (op === broken ? change(op) : [op]));
    dce.run(copy, { target: 'cuda', maxStorageElements: Number.MAX_SAFE_INTEGER });
    const operand = broken?.operands.find((v) => v.type.kind === 'buffer')?.hint;
    return { what: `${what}: ${n + 1} of ${count}${operand === undefined ? '' : `, %${operand}`}`, kernel: copy };
  });
}

const named =
  (...names: readonly OpName[]) =>
  (op: Op): boolean =>
    names.includes(op.name);

/** Accesses of shared memory, and which of their operands is the slot. */
const SLOT_OPERAND: Readonly<Partial<Record<OpName, number>>> = { smem_write: 1, smem_read: 1, smem_copy: 2 };
const bufferOf = (op: Op): Op<'smem_alloc'> | null => {
  const buffer = op.operands.find((v) => v.type.kind === 'buffer');
  return buffer?.def.kind === 'op' && buffer.def.name === 'smem_alloc' ? (buffer.def as Op<'smem_alloc'>) : null;
};

/** One reader of a swizzled buffer finds chunks where another swizzle would have put them. */
function wrongSwizzle(op: Op): readonly Op[] {
  const alloc = bufferOf(op) as Op<'smem_alloc'>;
  const [chunkBytes = 16, a = 0, m = 0, s = 0] = alloc.attrs.swizzle ?? [];
  const attrs = { ...alloc.attrs, swizzle: [chunkBytes, a, m >> 1, s] };
  const other = newOp('smem_alloc', [], attrs, [alloc.results[0]?.type ?? scalarType('i32')]);
  op.operands = op.operands.map((v) => (v === alloc.results[0] ? (other.results[0] as Value) : v));
  return [other, op];
}

/** Every access of one ring takes the first slot for the last: the ring is one slot less. */
function shorterRings(kernel: Kernel): IrFault[] {
  const isRing = (op: Op): boolean => {
    const type = op.results[0]?.type;
    return op.name === 'smem_alloc' && type?.kind === 'buffer' && type.slots > 1;
  };
  const count = [...walk(kernel.body)].filter(isRing).length;
  return Array.from({ length: count }, (_, n) => {
    const copy = cloneKernel(kernel);
    const ring = [...walk(copy.body)].filter(isRing)[n];
    rewrite(copy.body, (op) => (bufferOf(op) === ring ? withShorterRing(op) : [op]));
    return { what: `a slot less: %${ring?.results[0]?.hint}`, kernel: copy };
  });
}

function withShorterRing(op: Op): readonly Op[] {
  const at = SLOT_OPERAND[op.name] ?? 0;
  const slot = op.operands[at] as Value;
  const type = bufferOf(op)?.results[0]?.type;
  const slots = type?.kind === 'buffer' ? type.slots : 1;
  const i32 = scalarType('i32');
  const last = newOp('const', [], { value: slots - 1 }, [i32]);
  const first = newOp('const', [], { value: 0 }, [i32]);
  const isLast = newOp('cmp', [slot, last.results[0] as Value], { pred: 'eq' }, [scalarType('i1')]);
  const wrapped = newOp('select', [isLast.results[0], first.results[0], slot] as Value[], {}, [i32]);
  op.operands = op.operands.with(at, wrapped.results[0] as Value);
  return [last, first, isLast, wrapped, op];
}

export const IR_FAULTS = {
  'no barrier': (k) => eachOp(k, 'no barrier', named('barrier'), () => []),
  'no write': (k) => eachOp(k, 'no write', named('smem_write'), () => []),
  'no copy': (k) => eachOp(k, 'no copy', named('smem_copy'), () => []),
  'wrong swizzle': (k) =>
    eachOp(
      k,
      'wrong swizzle',
      (op) => op.name === 'smem_read' && (bufferOf(op)?.attrs.swizzle?.[2] ?? 0) > 0,
      wrongSwizzle,
    ),
  'a slot less': shorterRings,
} satisfies Readonly<Record<string, (kernel: Kernel) => readonly IrFault[]>>;

import { Bug } from '../diag/diagnostic.js';
import type { Op } from '../ir/module.js';
import { isInt } from '../ir/types.js';
import { wrapInt } from '../ops/evaluate.js';
import { roundTo } from '../ops/round.js';
import { MANY, type Machine, type Memory } from './machine.js';

export function read(memory: Memory | null, address: number, op: Op, m: Machine): number {
  const value = memory?.data[address];
  if (memory === null || value === undefined) throw new Bug(`${op.name}: no memory at element ${address}`);
  if (memory.written !== null && memory.written[address] === 0)
    m.trap('LAC0802', op, `${memory.name} is read at element ${address}, where nothing was ever written`, [
      'store there first, or give the temporary a `fill`',
    ]);
  if (memory.reader !== null) noteRead(memory, memory.reader, address, op, m);
  return value;
}

const TWO_LAUNCHES = [
  'programs of one launch run in no order: split the work into two launches, or give the element to one program',
];

function noteRead(memory: Memory, reader: Int32Array, address: number, op: Op, m: Machine): void {
  const writer = memory.writer?.[address] ?? 0;
  if (writer !== 0 && writer !== m.program && writer !== adder(m.program))
    m.trap('LAC0804', op, `${memory.name} is read at element ${address}, which another program wrote`, TWO_LAUNCHES);
  const before = reader[address];
  reader[address] = before === 0 || before === m.program ? m.program : MANY;
}

export function write(memory: Memory | null, address: number, value: number, op: Op, m: Machine): void {
  if (memory === null || address < 0 || address >= memory.data.length)
    throw new Bug(`${op.name}: no memory at element ${address}`);
  noteWrite(memory, address, op, m);
  memory.data[address] = value;
  if (memory.written !== null) memory.written[address] = 1;
}

/** How `writer` marks an element to which one program has added, atomically, and nobody has stored; MANY: several have. */
const adder = (program: number): number => -1 - program;

function noteWrite(memory: Memory, address: number, op: Op, m: Machine): void {
  const { writer, stamp } = memory;
  if (writer === null) throw new Bug(`${memory.name} is an input, but stored to`);
  const by = writer[address] as number;
  if (by !== 0 && by !== m.program && by !== adder(m.program)) writtenTwice(memory, address, op, m);
  noReaders(memory, address, op, m);
  if (stamp !== null && stamp[address] === m.stores)
    m.trap('LAC0805', op, `two lanes write element ${address} of ${memory.name}`, [
      op.name === 'scatter'
        ? 'give every lane an index of its own, or add with scatterAdd'
        : 'give the tensor strides that keep its elements apart',
    ]);
  writer[address] = m.program;
  if (stamp !== null) stamp[address] = m.stores;
}

function noReaders({ reader, name }: Memory, address: number, op: Op, m: Machine): void {
  const by = reader?.[address] ?? 0;
  if (by !== 0 && by !== m.program)
    m.trap('LAC0804', op, `${name} is written at element ${address}, which another program read`, TWO_LAUNCHES);
}

function writtenTwice({ name }: Memory, address: number, op: Op, m: Machine): never {
  return m.trap('LAC0803', op, `${name} is written at element ${address}, which another program wrote too`, [
    'give every element to one program: use the axes of the grid in the origin of the store',
  ]);
}

/** Atomic additions of several programs to one element are no race; stores beside them are. */
export function addTo(memory: Memory | null, address: number, value: number, op: Op, m: Machine): void {
  const before = memory?.data[address];
  if (memory === null || before === undefined) throw new Bug(`${op.name}: no memory at element ${address}`);
  const { writer, written, name } = memory;
  if (writer === null) throw new Bug(`${name} is an input, but added to`);
  if (written !== null && written[address] === 0)
    m.trap('LAC0802', op, `${name} is added to at element ${address}, where nothing was ever written`, [
      'store there first, or give the temporary a `fill`',
    ]);
  const by = writer[address] as number;
  if (by > 0 && by !== m.program) writtenTwice(memory, address, op, m);
  noReaders(memory, address, op, m);
  if (by <= 0) writer[address] = by === 0 || by === adder(m.program) ? adder(m.program) : MANY;
  const dtype = op.operands[1]?.type.dtype ?? 'f32';
  const sum = before + value;
  memory.data[address] = isInt(dtype) ? wrapInt(sum, dtype) : m.mode === 'round' ? roundTo(dtype, sum) : sum;
}

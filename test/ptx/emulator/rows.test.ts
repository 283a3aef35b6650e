import { describe, expect, test } from 'vitest';
import { parsePtx, prepareEntry } from '../../../backends/ptx/emulator/index.js';
import { PtxBuilder } from '../../../backends/ptx/isa/builder.js';
import { INSTRUCTIONS, type InstructionName, instruction } from '../../../backends/ptx/isa/instructions.js';
import { at, f32, imm, LAC_SHARED, type Operand, type RegClass } from '../../../backends/ptx/isa/operand.js';
import { ptxModule } from '../../../backends/ptx/isa/print.js';
import {
  classOf,
  type ScalarKind,
  type Source,
  type SourceKind,
  scalarOf,
  vectorOf,
} from '../../../backends/ptx/isa/signature.js';
import { targetFor } from '../../../backends/ptx/target.js';

/** The builder with its types off: names and operands come from the table. */
interface Untyped {
  op(name: InstructionName, ...sources: Source[]): unknown;
  ops(name: InstructionName, ...sources: Source[]): unknown;
  exec(name: InstructionName, ...sources: Source[]): unknown;
}

/** A program that has the instruction once, with registers or with immediates as sources. */
function programOf(name: InstructionName, immediates: boolean): string {
  const body = new PtxBuilder(targetFor(90));
  const registers: Record<RegClass, Operand> = {
    pred: body.op('mov.pred', imm(1)),
    b16: body.op('mov.b16', imm(1)),
    b32: body.op('mov.b32', imm(1)),
    b64: body.op('mov.b64', imm(1)),
  };
  const scalar = (kind: ScalarKind): Operand =>
    immediates ? (kind === 'f32' ? f32(1.5) : imm(1)) : registers[classOf(kind)];
  const source = (kind: SourceKind): Source => {
    if (kind === 'global') return at(registers.b64 as never, -16);
    if (kind === 'shared') return immediates ? at(LAC_SHARED, 16) : at(registers.b32 as never, 16);
    if (kind === 'param') return at('b0');
    if (kind === 'int') return imm(24);
    const vector = vectorOf(kind);
    return vector === null ? scalar(scalarOf(kind)) : Array.from({ length: vector[1] }, () => scalar(vector[0]));
  };
  const b = body as unknown as Untyped;
  const { src, dst } = instruction(name);
  const [one, many] = [dst.length === 1, dst.length > 1];
  const call = one ? b.op : many ? b.ops : b.exec;
  call.call(b, name, ...src.map(source));
  return ptxModule({ target: body.target, entry: 'k', params: [{ name: 'b0' }], block: [128, 1, 1], body });
}

/** Instructions of the table that the emulator refuses; empty, and a place for those that will be. */
const REFUSED: readonly InstructionName[] = [];

describe('the instruction table', () => {
  test.each(Object.keys(INSTRUCTIONS) as InstructionName[])('%s is executable', (name) => {
    for (const immediates of [false, true]) {
      const prepare = (): unknown => prepareEntry(parsePtx(programOf(name, immediates)), 'k');
      if (REFUSED.includes(name)) expect(prepare).toThrow('LAC0421');
      else expect(prepare).not.toThrow();
    }
  });
});

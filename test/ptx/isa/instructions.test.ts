import { describe, expect, test } from 'vitest';
import { PtxBuilder } from '../../../backends/ptx/isa/builder.js';
import {
  INSTRUCTIONS,
  type InstructionName,
  instruction,
  supports,
  versionOf,
} from '../../../backends/ptx/isa/instructions.js';
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
import { type PtxTarget, TARGETS } from '../../../backends/ptx/target.js';
import { assemble, PTXAS, WITH_PTXAS } from './ptxas.js';

const NAMES = Object.keys(INSTRUCTIONS) as InstructionName[];

/** The builder with its types off: names and operands come from the table. */
interface Untyped {
  op(name: InstructionName, ...sources: Source[]): unknown;
  ops(name: InstructionName, ...sources: Source[]): unknown;
  exec(name: InstructionName, ...sources: Source[]): unknown;
}

/** A module in which every name is a line of its own, with registers or with immediates as operands; and those lines. */
function moduleOf(target: PtxTarget, names: readonly InstructionName[], immediates: boolean) {
  const body = new PtxBuilder(target);
  const registers: Record<RegClass, Operand> = {
    pred: body.op('mov.pred', imm(1)),
    b16: body.op('mov.b16', imm(1)),
    b32: body.op('mov.b32', imm(1)),
    b64: body.op('mov.b64', imm(1)),
  };
  const scalar = (kind: ScalarKind, name: string, i: number): Operand => {
    if (!immediates) return registers[classOf(kind)];
    // Barriers take whole warps.
    return kind === 'f32' ? f32(1.5) : imm(/^bar/.test(name) && i === 1 ? 32 : 1);
  };
  const source = (kind: SourceKind, name: string, i: number): Source => {
    if (kind === 'global') return at(registers.b64 as never, -16);
    if (kind === 'shared') return immediates ? at(LAC_SHARED, 16) : at(registers.b32 as never, 16);
    if (kind === 'param') return at('b0');
    if (kind === 'int') return imm(24);
    const vector = vectorOf(kind);
    if (vector === null) return scalar(scalarOf(kind), name, i);
    return Array.from({ length: vector[1] }, () => scalar(vector[0], name, i));
  };
  const b = body as unknown as Untyped;
  for (const name of names) {
    const row = instruction(name);
    const sources = row.src.map((kind, i) => source(kind, name, i));
    if (row.dst.length === 0) b.exec(name, ...sources);
    else if (row.dst.length === 1) b.op(name, ...sources);
    else b.ops(name, ...sources);
  }
  const text = ptxModule({ target, entry: 'k', params: [{ name: 'b0' }], block: [128, 1, 1], body });
  const lines = body.lines().filter((l) => l.kind === 'instruction');
  const first = text.split('\n').findIndex((l) => l.startsWith('  mov.pred')) + 1;
  /** Which instruction stands in a line of the text, from 1. */
  return { text, nameAt: (line: number) => lines[line - first]?.name };
}

/** Instructions that need the same target and version. */
const groups = [...new Set(NAMES.map(claimOf))].map((claim) => ({
  claim,
  names: NAMES.filter((name) => claimOf(name) === claim),
}));

function claimOf(name: InstructionName): string {
  const { sm = 80, specific = false } = instruction(name);
  return `sm_${sm}${specific ? 'a' : ''}, PTX ${versionOf(name).join('.')}`;
}

const leastTarget = (name: InstructionName): PtxTarget | undefined => TARGETS.find((t) => supports(t, name));

describe(`instruction table, ${WITH_PTXAS}`, () => {
  test.skipIf(PTXAS === null).each(groups)('assembles at its least target and version: $claim', ({ names }) => {
    const [first] = names;
    const target = first === undefined ? undefined : leastTarget(first);
    if (first === undefined || target === undefined) throw new Error('a row that no target has');
    const specific = instruction(first).specific === true;
    for (const immediates of [false, true]) {
      const { text, nameAt } = moduleOf(target, names, immediates);
      const { ok, log, badLines } = assemble(text, `${target.name}${specific ? 'a' : ''}`);
      expect(badLines.map(nameAt)).toEqual([]);
      expect(ok, log).toBe(true);
    }
  });

  test.skipIf(PTXAS === null).each(TARGETS)('assembles for $name', (target) => {
    for (const specific of [false, true]) {
      const names = NAMES.filter(
        (name) => supports(target, name) && (instruction(name).specific ?? false) === specific,
      );
      if (names.length === 0) continue;
      const { text, nameAt } = moduleOf(target, names, false);
      const { ok, log, badLines } = assemble(text, `${target.name}${specific ? 'a' : ''}`);
      expect(badLines.map(nameAt)).toEqual([]);
      expect(ok, log).toBe(true);
    }
  });

  /** The names whose one-line programs assemble although the header promises less than the row claims. */
  const unmoved = (
    names: readonly InstructionName[],
    from: RegExp,
    to: (name: InstructionName) => string,
    arch: string,
  ) =>
    names.filter((name) => {
      const target = leastTarget(name);
      if (target === undefined) throw new Error(`${name}: no target has it`);
      const { text } = moduleOf(target, [name], false);
      expect(text).toMatch(from);
      return assemble(text.replace(from, to(name)), arch).ok;
    });

  test.skipIf(PTXAS === null)('does not assemble below the target that a row claims', () => {
    const newer = NAMES.filter((name) => (instruction(name).sm ?? 80) > 80);
    expect(newer.length).toBeGreaterThan(5);
    expect(unmoved(newer, /^\.target sm_\d+a?$/m, () => '.target sm_89', 'sm_89')).toEqual([]);
    const specific = NAMES.filter((name) => instruction(name).specific === true);
    expect(unmoved(specific, /^\.target sm_90a$/m, () => '.target sm_90', 'sm_90')).toEqual([]);
  });

  test.skipIf(PTXAS === null)('does not assemble below the version that a row claims', () => {
    const later = NAMES.filter((name) => (instruction(name).sm ?? 80) === 80 && versionOf(name).join('.') !== '7.0');
    expect(later.length).toBeGreaterThan(5);
    const before = (name: InstructionName) => {
      const [major, minor] = versionOf(name);
      return `.version ${major}.${minor - 1}`;
    };
    expect(unmoved(later, /^\.version [\d.]+$/m, before, 'sm_80')).toEqual([]);
  });

  test('every row has a target and a meaning', () => {
    for (const name of NAMES) {
      expect(leastTarget(name), name).toBeDefined();
      expect(instruction(name).meaning, name).toMatch(/^\S.*\.$/);
    }
  });
});

import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Guard, Instruction } from './builder.js';
import { BITS } from './check.js';
import { instruction } from './instructions.js';
import { type Address, f32Bits, type Operand, type Reg, type RegClass } from './operand.js';
import { classOf, type ScalarKind, type Source, type SourceKind, scalarOf, vectorOf } from './signature.js';

const PREFIX: Readonly<Record<RegClass, string>> = { pred: '%p', b16: '%h', b32: '%r', b64: '%d' };

export const registerPrefix = (cls: RegClass): string => PREFIX[cls];
export const registerText = (reg: Reg): string => `${PREFIX[reg.cls]}${reg.id}`;

const hex = (bits: number | bigint, digits: number): string => bits.toString(16).toUpperCase().padStart(digits, '0');

/** The bits of an f32 as PTX writes them: also -0, infinities and NaN. */
export const f32Text = (value: number): string => `0f${hex(f32Bits(value), 8)}`;

const SIGNED: ReadonlySet<ScalarKind> = new Set(['s32', 's64']);
/** Bit patterns from here on are masks or packed values, and read better in hexadecimal. */
const HEX_FROM = 1024n;

function immediateText(kind: ScalarKind, operand: Exclude<Operand, Reg>): string {
  if (operand.kind === 'f32') return kind === 'f32' ? f32Text(operand.value) : `0x${hex(f32Bits(operand.value), 8)}`;
  if (kind === 'f32') return f32Text(Number(operand.value));
  const bits = BITS[classOf(kind)];
  const value = BigInt(operand.value);
  if (SIGNED.has(kind)) return BigInt.asIntN(bits, value).toString();
  const unsigned = BigInt.asUintN(bits, value);
  return kind.startsWith('u') || unsigned < HEX_FROM ? unsigned.toString() : `0x${hex(unsigned, bits / 4)}`;
}

function addressText({ base, offset }: Address): string {
  const start = typeof base === 'string' ? base : registerText(base);
  return `[${start}${offset === 0 ? '' : `+${offset}`}]`;
}

function sourceText(kind: SourceKind, source: Source): string {
  if (typeof source === 'string') return source;
  const vector = vectorOf(kind);
  if (vector !== null) return `{${(source as readonly Operand[]).map((s) => sourceText(vector[0], s)).join(', ')}}`;
  if (!('kind' in source)) throw new Bug(`a vector as ${kind}`);
  if (kind === 'fragment' && source.kind === 'reg') return braced([source]);
  if (source.kind === 'reg') return registerText(source);
  if (source.kind === 'address') return addressText(source);
  return immediateText(scalarOf(kind), source);
}

const braced = (registers: readonly Reg[]): string => `{${registers.map(registerText).join(', ')}}`;

function destinationText({ name, dst }: Instruction): string {
  const plain = dst.length === 1 && instruction(name).dst[0] !== 'fragment';
  return plain ? dst.map(registerText).join() : braced(dst);
}

export const guardText = (guard: Guard | null): string =>
  guard === null ? '' : `@${guard.negated ? '!' : ''}${registerText(guard.reg)} `;

/** One instruction, with its guard and semicolon. */
export function instructionText(line: Instruction): string {
  const row = instruction(line.name);
  const sources = line.src.map((s, i) => sourceText(row.src[i] as SourceKind, s));
  const destination = destinationText(line);
  const text =
    row.text === undefined
      ? `${line.name} ${(line.dst.length === 0 ? sources : [destination, ...sources]).join(', ')}`.trimEnd()
      : row.text.replaceAll(/%(d|\d)/g, (_, at: string) => (at === 'd' ? destination : (sources[Number(at)] ?? '')));
  return `${guardText(line.guard)}${text};`;
}

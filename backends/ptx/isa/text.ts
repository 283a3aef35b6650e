import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Guard, Instruction } from './builder.js';
import { BITS } from './check.js';
import { formOf, type InstructionForm, type SourceForm } from './forms.js';
import { type Address, f32Bits, type Operand, type Reg, type RegClass } from './operand.js';
import { classOf, type ScalarKind, type Source } from './signature.js';

const PREFIX: Readonly<Record<RegClass, string>> = { pred: '%p', b16: '%h', b32: '%r', b64: '%d' };

export const registerPrefix = (cls: RegClass): string => PREFIX[cls];
export const registerText = (reg: Reg): string => `${PREFIX[reg.cls]}${reg.id}`;

const hex = (bits: number | bigint, digits: number): string => bits.toString(16).toUpperCase().padStart(digits, '0');

/** The bits of an f32 as PTX writes them: also -0, infinities and NaN. */
export const f32Text = (value: number): string => `0f${hex(f32Bits(value), 8)}`;

const SIGNED: ReadonlySet<ScalarKind> = new Set(['s32', 's64']);
/** Bit patterns from here on are masks or packed values, and read better in hexadecimal. */
const HEX_FROM = 1024;

function immediateText(kind: ScalarKind, operand: Exclude<Operand, Reg>): string {
  if (operand.kind === 'f32') return kind === 'f32' ? f32Text(operand.value) : `0x${hex(f32Bits(operand.value), 8)}`;
  if (kind === 'f32') return f32Text(Number(operand.value));
  if (typeof operand.value === 'number' && operand.value >= 0 && operand.value < HEX_FROM) return `${operand.value}`;
  const bits = BITS[classOf(kind)];
  const value = BigInt(operand.value);
  if (SIGNED.has(kind)) return BigInt.asIntN(bits, value).toString();
  const unsigned = BigInt.asUintN(bits, value);
  return kind.startsWith('u') || unsigned < BigInt(HEX_FROM) ? unsigned.toString() : `0x${hex(unsigned, bits / 4)}`;
}

function addressText({ base, offset }: Address): string {
  const start = typeof base === 'string' ? base : registerText(base);
  return `[${start}${offset === 0 ? '' : `+${offset}`}]`;
}

function sourceText({ kind, scalar, vector }: SourceForm, source: Source): string {
  if (typeof source === 'string') return source;
  if (vector !== null) return `{${joined(source as readonly Operand[], (s) => operandText(vector[0], s))}}`;
  if (!('kind' in source)) throw new Bug(`a vector as ${kind}`);
  if (source.kind === 'address') return addressText(source);
  return kind === 'fragment' && source.kind === 'reg' ? braced([source]) : operandText(scalar, source);
}

const operandText = (kind: ScalarKind, source: Operand): string =>
  source.kind === 'reg' ? registerText(source) : immediateText(kind, source);

const braced = (registers: readonly Reg[]): string => `{${joined(registers, registerText)}}`;

function joined<T>(list: readonly T[], text: (x: T) => string): string {
  let out = '';
  for (let i = 0; i < list.length; i++) out += i === 0 ? text(list[i] as T) : `, ${text(list[i] as T)}`;
  return out;
}

const destinationText = (form: InstructionForm, dst: readonly Reg[]): string =>
  form.braced ? braced(dst) : registerText(dst[0] as Reg);

export const guardText = (guard: Guard | null): string =>
  guard === null ? '' : `@${guard.negated ? '!' : ''}${registerText(guard.reg)} `;

/** One instruction, with its guard and semicolon. */
export function instructionText(line: Instruction): string {
  const form = formOf(line.name);
  if (form.row.text !== undefined) return `${guardText(line.guard)}${patternText(form.row.text, form, line)};`;
  let text = `${guardText(line.guard)}${line.name}`;
  let separator = ' ';
  if (line.dst.length > 0) {
    text += separator + destinationText(form, line.dst);
    separator = ', ';
  }
  for (let i = 0; i < line.src.length; i++) {
    text += separator + sourceText(form.src[i] as SourceForm, line.src[i] as Source);
    separator = ', ';
  }
  return `${text};`;
}

const patternText = (pattern: string, form: InstructionForm, line: Instruction): string =>
  pattern.replaceAll(/%(d|\d)/g, (_, at: string) => {
    if (at === 'd') return destinationText(form, line.dst);
    const source = line.src[Number(at)];
    return source === undefined ? '' : sourceText(form.src[Number(at)] as SourceForm, source);
  });

import type { Block, Op, Value } from '../../compiler/ir/module.js';
import { constantOf, yielded } from '../../compiler/ir/rewrite.js';
import { registerCount } from '../../compiler/layout/layout.js';
import { tripsOf } from '../../compiler/passes/simplify/control.js';
import { type Emitter, layoutOf, rankOf, tileOf } from './emitter.js';
import { literal } from './literal.js';
import { emitBlock, operand, stageIfNeeded } from './lower.js';
import { fromWord, toWord } from './memory.js';
import { laneType, vectorType, widthOf } from './registers.js';
import { offsetMark, type Statement, text } from './statement.js';

/** Mutable variables that hold a value across a region. */
interface Slot {
  readonly v: Value;
  readonly names: readonly string[];
}

const declare = (type: string, name: string, init: string): string => `var ${name}: ${type} = ${init};`;

/** Variables for `v`, initialised from `init` where there is one. Carried values of a 16-bit dtype are rounded. */
function slotFor(e: Emitter, v: Value, init: Value | null): Slot {
  if (rankOf(v) === 0) {
    const name = e.name('s');
    const type = laneType(tileOf(v).dtype);
    e.line(declare(type, name, init === null ? `${type}()` : e.scalar(init)));
    return { v, names: [name] };
  }
  const registers = registerCount(layoutOf(v));
  const type = vectorType(laneType(tileOf(v).dtype), widthOf(registers));
  const from = init === null ? null : e.rounded(e.tile(init));
  const names = Array.from({ length: registers / widthOf(registers) }, (_, g) => {
    const name = e.name('c');
    e.line(declare(type, name, from === null ? `${type}()` : (from.groups[g] ?? '')));
    return name;
  });
  return { v, names };
}

/** Makes `v` stand for what the variables hold now. */
function readSlot(e: Emitter, slot: Slot, v: Value): void {
  if (rankOf(v) === 0) {
    e.scalars.set(v, slot.names[0] ?? '');
    return;
  }
  e.tiles.set(v, { dtype: tileOf(v).dtype, registers: registerCount(layoutOf(v)), groups: slot.names, rounded: true });
}

function assign(e: Emitter, slots: readonly Slot[], values: readonly Value[]): void {
  // All right-hand sides first: a yield may permute the carried values.
  const texts = slots.map((slot, i) => {
    const x = values[i] as Value;
    if (rankOf(slot.v) === 0) return [e.scalar(x)];
    return e.rounded(e.tile(x)).groups;
  });
  const moves = slots
    .flatMap((slot, i) => slot.names.map((name, g) => [name, texts[i]?.[g] ?? ''] as const))
    .filter(([a, b]) => a !== b);
  const targets = new Set(moves.map(([a]) => a));
  const readsTarget = (text: string): boolean => (text.match(/\w+/g) ?? []).some((word) => targets.has(word));
  const safe = moves.map(([a, b]) => [a, readsTarget(b) ? e.let(`(${b})`) : b] as const);
  for (const [a, b] of safe) e.line(`${a} = ${b};`);
}

/** What `run` emits, apart. */
export function inside(e: Emitter, run: () => void): Statement[] {
  const outer = e.statements;
  e.statements = [];
  run();
  const made = e.statements;
  e.statements = outer;
  return made;
}

function insideLoop(e: Emitter, run: () => void): Statement[] {
  e.depth++;
  const made = inside(e, run);
  e.depth--;
  return made;
}

/** A scalar that steers control flow around barriers must be uniform in the eyes of WGSL's analysis. */
function uniform(e: Emitter, v: Value): string {
  const s = e.scalar(v);
  if (!e.nonUniform.has(v)) return s;
  const b = e.buffer('word', 1);
  const { dtype } = tileOf(v);
  e.line(`if (inv == 0u) {\nmem1[${offsetMark(b)}] = ${toWord(s, dtype)};\n}`, [], [b]);
  const name = e.name('u');
  e.line(`let ${name} = ${fromWord(`workgroupUniformLoad(&mem1[${offsetMark(b)}])`, dtype)};`, [b]);
  return name;
}

/** What a loop steps by, and where. */
interface Steps {
  readonly begin: string;
  readonly end: string;
  readonly step: string;
}

/** The index is `end` after the last trip where it would otherwise be beyond i32. */
function nextIndex(op: Op<'for'>, name: string, { end, step }: Steps): string {
  const by = constantOf(operand(op, 2));
  const known = tripsOf(op);
  const mayWrap = by !== 1 && (by === null || known === null || known.begin + known.trips * by >= 2 ** 31);
  const next = `${name} + ${step}`;
  return mayWrap ? `select(${end}, ${next}, u32(${end} - ${name}) > u32(${step}))` : next;
}

/** The index of the last trip of a loop that has one. Constants are computed here: WGSL rejects those that overflow. */
function lastIndex(op: Op<'for'>, { begin, end, step }: Steps): string {
  const [by, known] = [constantOf(operand(op, 2)), tripsOf(op)];
  if (by !== null && known !== null) return literal(known.begin + Math.max(0, known.trips - 1) * by, 'i32');
  return `${begin} + i32((u32(${end} - ${begin}) - 1u) / u32(${step}) * u32(${step}))`;
}

export function emitFor(e: Emitter, op: Op<'for'>): void {
  const body = op.regions[0] as Block;
  const [iv, ...carried] = body.args;
  const [begin, end, given] = [0, 1, 2].map((i) => uniform(e, operand(op, i)));
  const step = constantOf(operand(op, 2)) === null ? e.let(`max(${given}, 1i)`) : given;
  const steps = { begin, end, step } as Steps;
  const slots = carried.map((arg, i) => slotFor(e, arg, operand(op, i + 3)));
  const name = e.name('n');
  const statements = insideLoop(e, () => {
    e.scalars.set(iv as Value, name);
    if (op.attrs.reverse) e.scalars.set(iv as Value, e.let(`${lastIndex(op, steps)} - (${name} - ${begin})`));
    readCarried(e, slots, carried);
    emitBlock(e, body);
    assign(e, slots, yielded(body));
  });
  e.statements.push({
    kind: 'loop',
    head: `for (var ${name}: i32 = ${begin}; ${name} < ${end}; ${name} = ${nextIndex(op, name, steps)})`,
    test: [],
    body: statements,
  });
  readSlots(e, slots, op.results);
}

function readSlots(e: Emitter, slots: readonly Slot[], values: readonly Value[]): void {
  values.forEach((v, i) => {
    readSlot(e, slots[i] as Slot, v);
  });
}

/** Makes the arguments of a region stand for the variables, in workgroup memory too where somebody reads them there. */
function readCarried(e: Emitter, slots: readonly Slot[], args: readonly Value[]): void {
  readSlots(e, slots, args);
  for (const arg of args) if (rankOf(arg) > 0) stageIfNeeded(e, arg);
}

export function emitWhile(e: Emitter, op: Op<'while'>): void {
  const [test, body] = op.regions as [Block, Block];
  const slots = test.args.map((arg, i) => slotFor(e, arg, operand(op, i)));
  const check = insideLoop(e, () => {
    readCarried(e, slots, test.args);
    emitBlock(e, test);
    e.statements.push(text(`if (!${uniform(e, yielded(test)[0] as Value)}) { break; }`));
  });
  const trip = insideLoop(e, () => {
    readCarried(e, slots, body.args);
    emitBlock(e, body);
    assign(e, slots, yielded(body));
  });
  e.statements.push({ kind: 'loop', head: 'loop', test: check, body: trip });
  readSlots(e, slots, op.results);
}

export function emitIf(e: Emitter, op: Op<'if'>): void {
  const condition = uniform(e, operand(op, 0));
  const slots = op.results.map((r) => slotFor(e, r, null));
  const [yes, no] = op.regions.map((region) =>
    inside(e, () => {
      emitBlock(e, region);
      assign(e, slots, yielded(region));
    }),
  );
  e.statements.push({ kind: 'branch', head: condition, yes: yes ?? [], no: no ?? [] });
  readSlots(e, slots, op.results);
}

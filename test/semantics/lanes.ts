import { expect, test } from 'vitest';
import type { TensorDType } from '../../runtime/codec.js';
import type { Device } from '../../runtime/device.js';
import { devices } from '../kernels/session.js';
import { blank, type Given, given, Program, type ProgramText, type Values } from './program.js';

export const KEYS = ['exact', 'rounding', 'webgpu', 'sm90'] as const;
export type Key = (typeof KEYS)[number];
export type Devices = Readonly<Record<Key, Device>>;

export const everyDevice = (): Devices => devices(...KEYS);

/** A value, one of several where the language leaves a choice, or null for whatever comes. */
export type Want = number | readonly number[] | null;

/** What each device has to give; those that are not named give the same as the others. */
export type Wants = readonly Want[] | (Partial<Record<Key, readonly Want[]>> & { readonly others: readonly Want[] });

const isList = (w: Wants): w is readonly Want[] => Array.isArray(w);
const wantsOf = (wants: Wants, key: Key): readonly Want[] => (isList(wants) ? wants : (wants[key] ?? wants.others));

/** f64 keeps what the dtypes round away. */
const EXACT_TOLERANCE = 1e-6;

function isRight(got: number, want: number, key: Key, near: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (got === want) return true;
  const tolerance = Math.max(near, key === 'exact' ? EXACT_TOLERANCE : 0);
  return Number.isFinite(want) && Math.abs(got - want) <= tolerance * Math.abs(want);
}

/** Lanes that are not as wanted, one line each. */
export function wrong(name: string, got: readonly number[], wants: Wants, key: Key, near = 0): string[] {
  const list = wantsOf(wants, key);
  if (got.length !== list.length) return [`${name} has ${got.length} lanes, not ${list.length}`];
  return list.flatMap((want, lane) => {
    const x = got[lane] as number;
    const choice = typeof want === 'number' ? [want] : want;
    if (choice === null || choice.some((w) => isRight(x, w, key, near))) return [];
    return [`${name}, lane ${lane}: ${x}, not ${choice.join(' or ')}`];
  });
}

export type LaneTable = Readonly<Record<string, readonly [dtype: TensorDType, wants: Wants, near?: number]>>;

/** Values of expressions, lane by lane, over tiles that are loaded from memory, so that nothing is known before. */
export interface Lanes {
  readonly inputs: Readonly<Record<string, readonly [dtype: TensorDType, values: readonly number[]]>>;
  readonly before?: string;
  readonly table: LaneTable;
}

/** One kernel of all expressions. Results are converted to the dtype of their output by the store, as by cast. */
function laneProgram({ inputs, before = '', table }: Lanes): ProgramText {
  const names = Object.keys(inputs);
  const dtypes = [...new Set(Object.values(table).map(([dtype]) => dtype))];
  const n = laneCount({ inputs, table });
  const declared = [
    ...names.map((name) => `in_${name}: input(${inputs[name]?.[0]}, ['N'])`),
    ...dtypes.map((d) => `out_${d}: output(${d}, ['K_${d}', 'N'])`),
  ];
  const rows = Object.entries(table).map(([expression, [dtype]], i) => {
    const place = Object.values(table)
      .slice(0, i)
      .filter((other) => other[0] === dtype).length;
    return `out_${dtype}.at(${place}).store([0], ${expression});`;
  });
  const loads = names.map((name) => `const ${name} = in_${name}.load([0], [${n}]);`);
  return { args: declared.join(', '), body: [...loads, before, ...rows].join('\n') };
}

const laneCount = ({ inputs }: Lanes): number => Object.values(inputs)[0]?.[1].length ?? 1;

function laneTensors(lanes: Lanes): Readonly<Record<string, Given>> {
  const all = Object.values(lanes.table).map(([dtype]) => dtype);
  const outputs = [...new Set(all)].map(
    (d) => [`out_${d}`, blank(d, all.filter((x) => x === d).length, laneCount(lanes))] as const,
  );
  const inputs = Object.entries(lanes.inputs).map(
    ([name, [dtype, values]]) => [`in_${name}`, given(dtype, values)] as const,
  );
  return Object.fromEntries([...inputs, ...outputs]);
}

/** A test a device: every expression gives what the table says. */
export function testLanes(device: Devices, title: string, lanes: Lanes, keys: readonly Key[] = KEYS): void {
  const program = new Program(laneProgram(lanes));
  test.each(keys)(`${title}: %s`, async (key) => {
    const got = await program.run(device[key], laneTensors(lanes));
    const at = new Map<TensorDType, number>();
    const faults = Object.entries(lanes.table).flatMap(([expression, [dtype, wants, near]]) => {
      const first = at.get(dtype) ?? 0;
      at.set(dtype, first + laneCount(lanes));
      const own = (got[`out_${dtype}`] as readonly number[]).slice(first, first + laneCount(lanes));
      return wrong(expression, own, wants, key, near);
    });
    expect(faults).toEqual([]);
  });
}

/** A test a device: the outputs of one launch. */
export function testLaunch(
  device: Devices,
  title: string,
  program: Program,
  args: Readonly<Record<string, Given | number>>,
  wants: Readonly<Record<string, Wants>>,
  keys: readonly Key[] = KEYS,
): void {
  test.each(keys)(`${title}: %s`, async (key) => {
    const got: Values = await program.run(device[key], args);
    expect(Object.entries(wants).flatMap(([name, w]) => wrong(name, got[name] ?? [], w, key))).toEqual([]);
  });
}

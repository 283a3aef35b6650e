import { evaluateExpr } from '../compiler/expr.js';
import { type Described, deviceKey } from '../driver/device-key.js';
import { type KernelDecl, optionValues, type PlanDecl } from '../driver/source.js';
import { targetOf } from '../driver/target.js';
import type { Range } from '../driver/tuned-file.js';
import type { NewTunedRow } from '../driver/write-tuned-rows.js';
import { medianInterval } from './statistics.js';
import type { Outcome } from './types.js';

/**
 * What a tune found, as a row of `x.tune.json`: for these dtypes, options and comptime sizes, measured at these others, or
 * at these values of the kernel's `tuneKey`. Null where nothing was found, and for devices that stand for another.
 */
export function tunedRowOf(
  decl: KernelDecl | PlanDecl,
  { problem, best, device: name }: Outcome,
  device: Described,
  date: string,
): NewTunedRow | null {
  const target = targetOf(device).kind;
  if (best === null || target === 'interpret' || device.backend === 'emulate') return null;
  const { dims, dtypes } = problem;
  const options = Object.fromEntries(Object.entries(optionValues(decl)).filter(([, v]) => typeof v !== 'string'));
  const named = decl.tuneKey === null ? Object.keys(dims) : decl.comptime;
  const key = decl.tuneKey?.map((e) => around(evaluateExpr(e, dims))) ?? [];
  const { sm } = device.info;
  return {
    kernel: decl.name,
    target,
    ...(target === 'cuda' && sm !== undefined ? { sm } : {}),
    architecture: deviceKey(device).architecture,
    when: {
      ...(Object.keys(dtypes).length === 0 ? {} : { dtypes }),
      ...(Object.keys(options).length === 0 ? {} : { options }),
      ...(named.length === 0 ? {} : { dims: Object.fromEntries(named.map((dim) => [dim, dims[dim] as number])) }),
      ...(key.length === 0 ? {} : { key }),
    },
    config: best.config,
    note: `${Number(medianInterval(best.samples?.ms ?? []).median.toPrecision(3))} ms on ${name}, ${date}`,
  };
}

/** The files hold whole numbers. */
const around = (x: number): number | Range => (Number.isInteger(x) ? x : { least: Math.floor(x), most: Math.ceil(x) });

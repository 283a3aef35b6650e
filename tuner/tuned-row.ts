import { evaluateExpr } from '../compiler/expr.js';
import { type Described, deviceKey } from '../driver/device-key.js';
import { type KernelDecl, optionValues, type PlanDecl } from '../driver/source.js';
import { targetOf } from '../driver/target.js';
import type { Range } from '../driver/tuned-file.js';
import type { NewTunedRow } from '../driver/write-tuned-rows.js';
import { medianInterval } from './statistics.js';
import type { Outcome, Row } from './types.js';

/** Whether its times say anything of configurations: a launch at sizes of 0 takes no time, whatever the configuration. */
export const saysSomething = ({ samples }: Row): boolean => samples?.ms.some((ms) => ms > 0) === true;

/** Why a tune has no row for `x.tune.json`; null where it has one. */
export function whyUnwritten({ best, rows }: Outcome, device: Described): string | null {
  const target = targetOf(device).kind;
  if (best === null) return 'nothing was found';
  if (target === 'interpret' || device.backend === 'emulate')
    return `${device.name} stands for a device that is not here`;
  if (rows.length === 1) return 'there is one configuration';
  return saysSomething(best) ? null : 'a launch at these sizes does nothing';
}

/**
 * What a tune found, as a row of `x.tune.json`: for these dtypes, options and comptime sizes, measured at these others, or
 * at these values of the kernel's `tuneKey`. Null where `whyUnwritten` says why.
 */
export function tunedRowOf(
  decl: KernelDecl | PlanDecl,
  outcome: Outcome,
  device: Described,
  date: string,
): NewTunedRow | null {
  const { problem, best, device: name } = outcome;
  const target = targetOf(device).kind;
  if (best === null || target === 'interpret' || whyUnwritten(outcome, device) !== null) return null;
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

import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { Config } from './configurations.js';

/** A configuration that was compiled, and the limit that it exceeds. */
export interface Refusal {
  readonly config: Config;
  readonly why: Diagnostic;
}

/** Knobs that are no block sizes: more of them is not more memory of a program. */
const NOT_SIZES: ReadonlySet<string> = new Set(['warps', 'stages']);

/** Need over limit from which on the few percent that other warps make do not count. */
const FAR_ABOVE = 9 / 8;

/**
 * The refusal that says that `config` does not fit either, so that it need not be compiled; undefined where it may fit.
 * Compiling takes a tenth of a second, and a kernel has hundreds of configurations.
 *   Larger blocks need as much memory at least, however deep the pipeline is; and with other warps too, unless the need
 *   was just above the limit. The same holds for registers with as many warps, or fewer.
 *   Of two refused configurations that differ in one block size, the line through their needs gives that of a third.
 */
export function foretold(config: Config, refused: readonly Refusal[]): Refusal | undefined {
  return refused.find((r) => implies(r, config)) ?? beyond(config, refused);
}

function implies({ config: refused, why }: Refusal, config: Config): boolean {
  if (!atLeast(config, refused)) return false;
  if (why.code === 'LAC0503') return (config.warps ?? 1) <= (refused.warps ?? 1);
  if (why.code !== 'LAC0501') return false;
  const far = why.exceeds !== undefined && why.exceeds.need > FAR_ABOVE * why.exceeds.limit;
  return far || config.warps === refused.warps || !atLeast(refused, config);
}

const sizesOf = (config: Config): [string, number][] => Object.entries(config).filter(([name]) => !NOT_SIZES.has(name));

const atLeast = (a: Config, b: Config): boolean => sizesOf(a).every(([name, value]) => value >= (b[name] ?? value));

/** Memory is affine in each block size, save for what is rounded up: below the two points it is above the line. */
function beyond(config: Config, refused: readonly Refusal[]): Refusal | undefined {
  return refused.find((near) =>
    refused.some((far) => {
      const knob = onlyDifference(far.config, near.config);
      const [a, b] = [far.why.exceeds, near.why.exceeds];
      if (knob === null || a === undefined || b === undefined || far.why.code !== near.why.code) return false;
      const [x, y, z] = [far.config, near.config, config].map((c) => c[knob] as number) as [number, number, number];
      const others = { ...config, [knob]: y };
      if (!(x > y && y > z) || !atLeast(others, near.config)) return false;
      return b.need - ((a.need - b.need) * (y - z)) / (x - y) > FAR_ABOVE * b.limit;
    }),
  );
}

/** The one block size in which two configurations differ; null where none does, or several do. */
function onlyDifference(a: Config, b: Config): string | null {
  const [first, ...more] = sizesOf(a).filter(([name, value]) => b[name] !== value);
  return first === undefined || more.length > 0 ? null : first[0];
}

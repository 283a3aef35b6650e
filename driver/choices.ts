import type { Manifest } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { LIMITS } from '../compiler/ir/limits.js';
import { DTYPES, type DType } from '../compiler/ir/types.js';
import { isTensorArg } from './inputs.js';
import type { Dims, OptionValue } from './reference.js';

type Declared = Pick<Manifest, 'args' | 'dtypes' | 'comptime'> & { readonly name: string };

const unknown = (message: string, ...help: string[]): LacError =>
  new LacError(diagnostic('LAC0907', message, null, { help }));

/** Every dimension that an argument names, in order of first use. */
export const dimNames = ({ args }: Pick<Declared, 'args'>): readonly string[] => [
  ...new Set(args.filter(isTensorArg).flatMap((a) => a.dims)),
];

/** A dtype for each dtype parameter: the choices given (`*` stands for every parameter), else `fallback`, else the first declared. */
export function chooseDtypes(
  decl: Declared,
  given: Readonly<Record<string, string>> = {},
  fallback: Readonly<Record<string, DType>> = {},
): Record<string, DType> {
  for (const name of Object.keys(given)) {
    if (name === '*' || name in decl.dtypes) continue;
    const known = Object.keys(decl.dtypes);
    throw unknown(
      `${decl.name} has no dtype parameter ${name}`,
      known.length > 0 ? `it has ${known.join(', ')}` : 'it has none',
    );
  }
  const chosen: Record<string, DType> = {};
  for (const [name, choices] of Object.entries(decl.dtypes)) {
    const wish = given[name] ?? given['*'] ?? fallback[name] ?? choices[0];
    const choice = choices.find((c) => c === wish);
    if (choice === undefined)
      throw unknown(`${name} of ${decl.name} cannot be ${wish}`, `it takes ${choices.join(', ')}`);
    chosen[name] = choice;
  }
  const all = given['*'];
  if (all !== undefined && !DTYPES.some((dtype) => dtype === all))
    throw unknown(`there is no dtype ${all}`, `${decl.name} has no dtype parameter that it could be of`);
  return chosen;
}

/** Checks that every size given is of a dimension of the kernel. */
export function checkDims(decl: Declared, given: Dims): void {
  const known = dimNames(decl);
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw unknown(`${decl.name} has no dimension ${name}`, `its dimensions are ${known.join(', ')}`);
}

/** Sizes of the comptime dimensions; each needs one, and a tile can have it. */
export function comptimeOf(decl: Declared, dims: Dims): Record<string, number> {
  return Object.fromEntries(
    decl.comptime.map((name) => {
      const size = dims[name];
      if (size !== undefined) return [name, tileExtent(decl, name, size)];
      const message = `comptime dimension ${name} of ${decl.name} has no size`;
      throw new LacError(diagnostic('LAC0910', message, null, { help: [`give it one: --set ${name}=64`] }));
    }),
  );
}

function tileExtent(decl: Declared, name: string, size: number): number {
  if (size >= 1 && size <= LIMITS.tileExtent) return size;
  const message = `comptime dimension ${name} of ${decl.name} cannot be ${size}`;
  const help = [`kernels are compiled for sizes from 1 to ${LIMITS.tileExtent}`];
  throw new LacError(diagnostic('LAC0910', message, null, { help }));
}

/** Checks options against their declared defaults: they exist, and have the type of the default. */
export function checkOptions(
  name: string,
  declared: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, OptionValue>>,
): void {
  for (const [option, value] of Object.entries(given)) {
    if (!(option in declared)) {
      const known = Object.keys(declared);
      throw unknown(`${name} has no option ${option}`, known.length > 0 ? `it has ${known.join(', ')}` : 'it has none');
    }
    const type = typeof declared[option];
    if (type !== 'boolean' && type !== 'number')
      throw unknown(
        `option ${option} of ${name} is a function`,
        `make a variant in the source: ${name}.with({ ${option}: ... })`,
      );
    if (typeof value !== type)
      throw unknown(`option ${option} of ${name} takes a ${type}, not ${JSON.stringify(value)}`);
  }
}

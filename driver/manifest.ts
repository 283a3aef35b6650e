import { createHash } from 'node:crypto';
import type { Manifest, Variant } from '../compiler/artifact.js';
import { type KernelDecl, optionValues } from './source.js';

/** The manifest of a kernel: everything a launch needs, as data. `file` is how the source is named in it. */
export function manifestOf(decl: KernelDecl, text: string, file: string, variants: readonly Variant[]): Manifest {
  return {
    lac: 1,
    kernel: decl.name,
    source: { file, sha256: createHash('sha256').update(text).digest('hex') },
    args: decl.args,
    dtypes: decl.dtypes,
    comptime: decl.comptime,
    options: optionValues(decl),
    tune: decl.tune,
    prune: decl.prune,
    tuneKey: decl.tuneKey,
    grid: decl.grid,
    variants,
  };
}

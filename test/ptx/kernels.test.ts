import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CudaVariant } from '../../compiler/artifact.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { DType } from '../../compiler/ir/types.js';
import { compileKernel } from '../../driver/compile.js';
import type { Config } from '../../driver/configurations.js';
import { isTensorArg } from '../../driver/inputs.js';
import type { Dims } from '../../driver/reference.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import { alignedFacts, GENERIC, targetNamed } from '../../driver/target.js';
import { readTunedRows } from '../../driver/tuned-file.js';
import { representatives } from '../../dsl/source.js';
import { repositoryFiles } from '../house/sources.js';
import { assemble, PTXAS, WITH_PTXAS } from './isa/ptxas.js';

/**
 * What ptxas says of every kernel of the suite. A sample by default: every kernel in one dtype for one generation;
 * LAC_PTXAS=all takes every dtype and generation, with and without facts about the arguments.
 */
const ALL = process.env.LAC_PTXAS === 'all';
const ROOT = resolve(import.meta.dirname, '../..');
const ARCHES = ['sm_80', 'sm_90a', 'sm_100a', 'sm_120a'] as const;
type Arch = (typeof ARCHES)[number];

const OURS = repositoryFiles().filter((f) => /^kernels\/.*(?<!\.ref)\.ts$/.test(f));
const SMALL = ['addresses', 'attention', 'control', 'elementwise', 'folds', 'matmul', 'rows'].map(
  (f) => `test/kernels/cases/${f}.ts`,
);
const UNSEEN = ['attention', 'control', 'products', 'recurrences', 'rows', 'states'].map(
  (f) => `test/kernels/unseen/${f}.ts`,
);

const project = new SourceProject();
const kernelsOf = (file: string): readonly KernelDecl[] => project.read(resolve(ROOT, file)).kernels;

interface Program {
  readonly decl: KernelDecl;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly arch: Arch;
  readonly dims: Dims;
  /** Default: the first that fits. */
  readonly config?: Config;
  /** Whether rows are aligned and without gaps. */
  readonly aligned: boolean;
}

/** What ptxas says, or null where no block of the target has so much shared memory, or so many registers. */
function assembled({ decl, dtypes, arch, dims, config, aligned }: Program) {
  const target = targetNamed(arch);
  if (target === null) throw new Error(arch);
  const fact = aligned ? alignedFacts(target) : GENERIC;
  const facts = Object.fromEntries(decl.args.filter(isTensorArg).map((a) => [a.name, fact]));
  try {
    const { variant } = compileKernel(decl, { dtypes, dims, facts, target, ...(config && { config }) });
    const { text } = variant as CudaVariant;
    const { ok, log } = assemble(text, arch);
    return { ok, log: ok ? '' : `${log}\n${text}`, spills: spillsIn(log) };
  } catch (error) {
    if (error instanceof LacError && error.diagnostics.every((d) => d.code === 'LAC0501' || d.code === 'LAC0503'))
      return null;
    throw error;
  }
}

const spillsIn = (log: string): number =>
  [...log.matchAll(/(\d+) bytes spill (stores|loads)/g)].reduce((n, [, bytes]) => n + Number(bytes), 0);

const choicesOf = (decl: KernelDecl): readonly DType[] => [...new Set(Object.values(decl.dtypes).flat())];
const inDType = (decl: KernelDecl, T: DType): Record<string, DType> =>
  Object.fromEntries(
    Object.entries(decl.dtypes).map(([name, choices]) => [name, choices.includes(T) ? T : (choices[0] ?? T)]),
  );

/** Every kernel in one dtype, of one generation and kind of facts, in turn; or in all of them. */
function everyKernel(): Program[] {
  let turn = 0;
  return [...OURS, ...SMALL, ...UNSEEN].flatMap(kernelsOf).flatMap((decl) => {
    const usual = representatives(decl);
    const { comptime: dims } = (usual.pruned ? representatives(decl, { small: true }) : usual).base;
    const dtypes = choicesOf(decl).length === 0 ? [{}] : choicesOf(decl).map((T) => inDType(decl, T));
    const all = [true, false].flatMap((aligned) =>
      ARCHES.flatMap((arch) => dtypes.map((chosen) => ({ decl, dtypes: chosen, arch, dims, aligned }))),
    );
    // Coprime to every number of dtypes, generations and facts: neighbours differ in all of them.
    turn += 7;
    return ALL ? all : all.slice(turn % all.length).slice(0, 1);
  });
}

/** The configurations beside the sources, for the generation they are for; G deals out work and is no other program. */
function tunedPrograms(): Program[] {
  const programs = OURS.flatMap((file) => {
    const decls = kernelsOf(file);
    return readTunedRows(resolve(ROOT, file)).flatMap((row): Program[] => {
      const decl = decls.find((d) => d.name === row.kernel);
      if (decl === undefined || row.target !== 'cuda') return [];
      const arch = row.sm >= 90 ? 'sm_90a' : 'sm_80';
      const dims = Object.fromEntries(decl.comptime.map((name) => [name, row.when.dims[name]?.most ?? 64]));
      const config = { ...row.config, ...('G' in row.config ? { G: 1 } : {}) };
      return [{ decl, dtypes: inDType(decl, 'bf16'), arch, dims, config, aligned: true }];
    });
  });
  return [...new Map(programs.map((p) => [storyOf(p), p])).values()];
}

const storyOf = ({ decl, dtypes, arch, dims, config, aligned }: Program): string =>
  [decl.name, arch, aligned ? '' : 'generic', ...[dtypes, dims, config ?? {}].map((x) => JSON.stringify(x))].join(' ');
const named = (p: Program) => ({ story: storyOf(p), program: p });

describe.skipIf(PTXAS === null)(`kernels, ${WITH_PTXAS}`, () => {
  it.each(everyKernel().map(named))('assembles $story', ({ program }) => {
    const found = assembled(program);
    if (found !== null) expect(found.log).toBe('');
  });

  it.each(tunedPrograms().map(named))('fits and spills nothing in $story', ({ program }) => {
    const found = assembled(program);
    expect(found).toMatchObject({ ok: true, log: '' });
    expect(found?.spills).toBe(0);
  });
});

import { join } from 'node:path';
import { parsePtx } from '../../backends/ptx/emulator/index.js';
import { targetFor } from '../../backends/ptx/target.js';
import { Bug, LacError } from '../../compiler/diag/diagnostic.js';
import type { Module } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { type CompileRequest, compileKernel } from '../../driver/compile.js';
import type { Target } from '../../driver/target.js';
import { checkFile, type KernelDecl, lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { ROOMY } from '../wgsl/run.js';
import type { Source } from './corpus.js';

export type Outcome = 'refused' | 'accepted' | 'compiled';

const project = new SourceProject({ root: process.cwd() });
const TARGETS: readonly Target[] = [
  { kind: 'webgpu', limits: ROOMY },
  { kind: 'cuda', target: targetFor(80) },
  { kind: 'cuda', target: targetFor(90) },
];
/** What a kernel that is right may meet on its way: limits of the IR and of a device, no configuration left. */
const OF_LIMITS = /^LAC(?:05|0402|0906)/;

/** What becomes of a source text. Throws where the compiler does anything but answer. */
export function outcomeOf({ text, folder }: Source, compile: boolean): Outcome {
  const file = join(folder, 'hostile.ts');
  project.override(file, text);
  const { kernels, diagnostics } = checkFile(project, file);
  for (const d of diagnostics) {
    if (d.message === '' || /\[object|^undefined$/.test(d.message))
      throw new Bug(`a message without a sense: ${d.message}`);
    if (d.span === null && d.code !== 'LAC0001' && d.code !== 'LAC0002') throw new Bug(`no place: ${d.message}`);
    if (d.span !== null && !(0 <= d.span.start && d.span.start <= d.span.end))
      throw new Bug(`a wrong place: ${d.message}`);
  }
  if (diagnostics.some((d) => d.severity === 'error')) return 'refused';
  for (const decl of kernels) {
    const { module } = lowerKernel(decl, representatives(decl, { small: true }).base);
    if (module !== null) sameAsText(module);
    if (compile) compileEverywhere(decl);
  }
  return compile && kernels.length > 0 ? 'compiled' : 'accepted';
}

/** The IR is one that the verifier accepts, and its text is the IR. */
function sameAsText(module: Module): void {
  const [fault] = verifyModule(module);
  if (fault !== undefined) {
    if (OF_LIMITS.test(fault.code)) return;
    throw new Bug(`${fault.code}: ${fault.message}`, printModule(module));
  }
  const text = printModule(module);
  const again = parseModule(text, 'again.lac');
  if (again.module === null || printModule(again.module) !== text)
    throw new Bug(`printed IR is read as another: ${again.diagnostics[0]?.message}`, text);
}

function compileEverywhere(decl: KernelDecl): void {
  const { comptime, config, dtypes } = representatives(decl, { small: true }).base;
  const last = Object.fromEntries(
    Object.entries(decl.dtypes).map(([name, choices]) => [name, choices.at(-1) ?? 'f32']),
  );
  for (const target of TARGETS)
    attempt(decl, { dims: comptime, config, dtypes: target.kind === 'webgpu' ? dtypes : last, target, verify: true });
}

function attempt(decl: KernelDecl, request: CompileRequest): void {
  try {
    const { variant } = compileKernel(decl, request);
    if (variant.target === 'cuda') parsePtx(variant.text);
  } catch (error) {
    if (!(error instanceof LacError) || !error.diagnostics.every((d) => OF_LIMITS.test(d.code))) throw error;
  }
}

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emitPtx } from '../../backends/ptx/emit.js';
import { targetFor } from '../../backends/ptx/target.js';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import type { Kernel, Module } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { modules } from '../ir/generate.js';
import { ROOMY } from '../wgsl/run.js';
import { edits, textMutated } from './mutate.js';
import { within } from './within.js';

const RUNS = Number(process.env.LAC_RUNS ?? 1000);
const MILLISECONDS = 20_000;

const WORDS: readonly RegExp[] = [
  /%\w+/g,
  /(?<=^\s*(?:%\S+ = )?)[a-z_]+/gm,
  /\b(?:f32|f16|bf16|i32|u32|i1)\b/g,
  /-?\b\d+\b/g,
  /\w+ = [^,}\n]+/g,
];

/** One word by another of its kind: values, names of ops, dtypes, numbers, attributes. */
function reworded(text: string, kind: number, a: number, b: number): string {
  const words = [...text.matchAll(WORDS[kind % WORDS.length] as RegExp)];
  const [from, to] = [words[a % Math.max(words.length, 1)], words[b % Math.max(words.length, 1)]];
  if (from === undefined || to === undefined) return text;
  return text.slice(0, from.index) + to[0] + text.slice(from.index + from[0].length);
}

const words = fc.array(fc.tuple(fc.nat(100), fc.nat(10_000), fc.nat(10_000)), { minLength: 1, maxLength: 2 });
const changes: fc.Arbitrary<(text: string) => string> = fc.oneof(
  { weight: 1, arbitrary: edits.map((list) => (text: string) => textMutated(text, list)) },
  { weight: 3, arbitrary: words.map((list) => (text: string) => list.reduce((t, w) => reworded(t, ...w), text)) },
);

/** IR that somebody wrote is refused with a diagnostic, or goes through every pass to both back ends. */
function outcomeOf(text: string): 'refused' | 'compiled' {
  const { module, diagnostics } = parseModule(text);
  expect(module === null).toBe(diagnostics.some((d) => d.severity === 'error'));
  if (module === null || verifyModule(module).length > 0) return 'refused';
  expect(printModule(parseModule(printModule(module)).module as Module)).toBe(printModule(module));
  for (const kernel of module.kernels) {
    kernel.config = { ...kernel.config, warps: 2 };
    answered(cloneKernel(kernel), 'webgpu', (k) => emitWgsl(k, { limits: ROOMY, facts: {} }));
    answered(cloneKernel(kernel), 'cuda', (k) => emitPtx(k, { target: targetFor(90), facts: {} }));
  }
  return 'compiled';
}

function answered(kernel: Kernel, target: 'webgpu' | 'cuda', emit: (kernel: Kernel) => void): void {
  try {
    runPipeline({ kernels: [kernel] }, { target, maxStorageElements: 2 ** 30 }, { verify: true });
    emit(kernel);
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
  }
}

test('textual IR that somebody changed is refused or compiled', { timeout: 3_600_000 }, () => {
  const counts = { refused: 0, compiled: 0 };
  fc.assert(
    fc.property(modules(), changes, (m, change) => {
      counts[within(MILLISECONDS, () => outcomeOf(change(printModule(m))))]++;
    }),
    { numRuns: RUNS },
  );
  expect(counts.refused).toBeGreaterThan(RUNS / 4);
  expect(counts.compiled).toBeGreaterThan(RUNS / 50);
});

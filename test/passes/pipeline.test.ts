import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Bug, LacError } from '../../compiler/diag/diagnostic.js';
import { type Module, type Op, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { PIPELINE, passNamed, runPipeline } from '../../compiler/passes/pipeline.js';
import { CONTEXT } from './text-cases.js';

function moduleOf(text: string): Module {
  const { module } = parseModule(text);
  if (module === null) throw new Error('no module');
  return module;
}
const SMALL =
  'kernel k(%y: view<out f32> [], %s: f32) axes [] { %a = inline {callee = "f"} : f32 { %b = neg %s : f32 yield %b } store %y, %a }';

describe('pipeline', () => {
  it('has names that are distinct, and what a pass requires before it', () => {
    const names = PIPELINE.map((p) => p.name);
    expect(new Set(names).size).toBe(names.length);
    for (const [i, p] of PIPELINE.entries()) expect(names.slice(0, i)).toEqual(expect.arrayContaining([...p.requires]));
  });

  it('stops after the pass that is named, and tells of each', () => {
    const m = moduleOf(SMALL);
    const seen: string[] = [];
    runPipeline(m, CONTEXT, { until: 'inline', onPass: (p, k) => seen.push(`${p.name} ${k.name}`) });
    expect(seen).toEqual(['inline k']);
    expect(printModule(m)).toContain('%b = neg %s : f32\n  store %y, %b');
  });

  it('refuses a pass that is not there', () => {
    expect(() => runPipeline(moduleOf(SMALL), CONTEXT, { until: 'outline' })).toThrow(LacError);
    expect(() => passNamed('outline')).toThrow('LAC0410: there is no pass "outline"');
  });

  it('blames the pass that breaks the IR, with the IR', () => {
    const breaks: Pass = {
      name: 'drop-first',
      summary: '',
      requires: [],
      run: (kernel) => {
        kernel.body.ops.shift();
      },
    };
    const run = (): void => runPipeline(moduleOf(SMALL), CONTEXT, { passes: [breaks], verify: true });
    expect(run).toThrow(Bug);
    expect(run).toThrow('pass drop-first left broken IR: kernel k, `store %y, %a`: operand 1 is not defined');
  });

  it('keeps the calls through which an op was inlined', () => {
    const m = moduleOf(`kernel k(%y: view<out f32> [], %s: f32) axes [] {
      %a = inline {callee = "outer"} : f32 {
        %q = inline {callee = "inner"} : f32 {
          %b = neg %s : f32 loc("lib.ts":1:2)
          yield %b
        } loc("mid.ts":3:4)
        yield %q
      } loc("kernel.ts":5:6)
      store %y, %a loc("kernel.ts":7:8)
    }`);
    runPipeline(m, CONTEXT, { until: 'inline', verify: true });
    expect([...walk(m.kernels[0]?.body ?? { kind: 'block', args: [], ops: [] })].map((op) => op.name)).toEqual([
      'neg',
      'store',
    ]);
    expect(printModule(m, { locs: true })).toContain('loc("lib.ts":1:2 inner, "mid.ts":3:4 outer, "kernel.ts":5:6)');
  });

  it('leaves lightning forward with two fused sums, decays outside of the loop, and guards on rows only', () => {
    const m = moduleOf(readFileSync(new URL('./lightning.lac', import.meta.url), 'utf8'));
    const grid = { e: ['cdiv', 'E', 'BE'], h: 'H', b: 'B' } as const;
    runPipeline(m, { ...CONTEXT, grid }, { verify: true });
    const loop = m.kernels[0]?.body.ops.find((op) => op.name === 'for');
    const ops = loop?.regions[0]?.ops ?? [];
    const named = (name: string): Op[] => ops.filter((op) => op.name === name);
    expect(named('dot').map((op) => op.operands.length)).toEqual([2, 2, 3, 3]);
    expect([...named('exp'), ...named('cast'), ...named('add'), ...named('const')]).toEqual([]);
    expect([...named('load'), ...named('store')].map((op) => op.attrs)).toEqual(
      Array.from({ length: 4 }, () => expect.objectContaining({ guard: [true, false], offset_bits: 32 })),
    );
  });
});

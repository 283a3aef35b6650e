import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyModule } from '../../compiler/ir/verify.js';
import { BUILTINS } from '../../dsl/lower/builtins/table.js';
import { VIEW_METHODS } from '../../dsl/lower/builtins/views.js';
import { checkFile, lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { projectWith } from './kernel-text.js';
import { sourceOf } from './launch-text.js';

/** Calls of everything with anything: diagnostics that have a place, or IR that the verifier accepts; never a crash. */

const VALUES = [
  ...['t', 'c', 'r', 'v', 'i', 'u', 'm', 'h', 'k', 's', 'p', 'N', 'x', 'y', 'z', 'w'],
  ...['0', '-1', '2', '0.5', 'NaN', '1e9', 'true', "'a'", 'f32', 'u32', 'all', 'undefined', 'exp', '(a, b) => a + b'],
  ...['[]', '[0]', '[p, 0]', '[i, 1]', '[t, u]', '[2, 3]', '[32]', '[t, t]', '[i, v]', '[1, 2, 3, 4]', '[-1, 5]'],
  ...[
    '{ mask: m }',
    '{ pad: 1 }',
    '{ pad: t, mask: i }',
    '{ reverse: true }',
    '{ inBounds: t }',
    "{ precision: 'ieee' }",
  ],
  ...['([a, b], [c, d]) => [a + c, b * d]', '{}', 't > 0', 'k.at'],
];
const HOST = new Set(['kernel', 'plan', 'temp', 'input', 'output', 'inout', 'scalar', 'dtypes']);
const callees = [
  ...Object.keys(BUILTINS).filter((name) => !HOST.has(name)),
  ...['x', 'y', 'z', 'w', 'x.at(0)', 'z.slice(1, 3)'].flatMap((v) => Object.keys(VIEW_METHODS).map((f) => `${v}.${f}`)),
];
const call = fc
  .tuple(fc.constantFrom(...callees), fc.array(fc.constantFrom(...VALUES), { minLength: 0, maxLength: 4 }))
  .map(([callee, args]) => `${callee}(${args.join(', ')})`);

const BEFORE = `const i = iota(4), v = cast(i, f32), u = cast(i, u32), m = i > 1, h = cast(v, f16), s = x.get(0, 0);
  const c = col(v), r = row(v), t = c * r, k = expand(t, 0);`;

test('no call crashes the compiler', () => {
  const project = new SourceProject();
  const args =
    "x: input(f32, ['M', 'N']), y: output(f16, ['M', 'N']), z: inout(u32, ['N']), w: inout(f32, ['A', 'B', 'M', 'N'])";
  fc.assert(
    fc.property(fc.array(call, { minLength: 1, maxLength: 40 }), (calls) => {
      const text = sourceOf({ args, env: 'N', body: `${BEFORE}\n${calls.map((f) => `void ${f};`).join('\n')}` });
      const { kernels, diagnostics } = checkFile(project, join(projectWith({ 'k.ts': text }), 'k.ts'));
      for (const decl of kernels) {
        const { module } = lowerKernel(decl, representatives(decl).base);
        if (module !== null) expect(verifyModule(module)).toEqual([]);
      }
      for (const d of diagnostics) {
        expect(d.span, d.message).not.toBe(null);
        expect(d.message).not.toMatch(/\[object|=>/);
      }
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 100) },
  );
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Module, type Value, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { modules } from './generate.js';
import { outline } from './outline.js';

function reparse(text: string): Module {
  const { module, diagnostics } = parseModule(text);
  expect(diagnostics).toEqual([]);
  if (module === null) throw new Error('no module');
  return module;
}

describe('textual IR', () => {
  it('generates modules that the verifier accepts', () => {
    fc.assert(
      fc.property(modules(), (m) => {
        expect(verifyModule(m)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('parse(print(m)) = m, locations included', () => {
    fc.assert(
      fc.property(modules(), fc.boolean(), (m, locs) => {
        const text = printModule(m, { locs });
        const back = reparse(text);
        expect(outline(back, { locs })).toEqual(outline(m, { locs }));
        expect(printModule(back, { locs })).toBe(text);
      }),
      { numRuns: 60 },
    );
  });

  it('parse(print(m)) = m with layouts', () => {
    const extents = [1, 2, 8];
    fc.assert(
      fc.property(modules({ extents }), fc.nat(), (m, seed) => {
        layOut(m, seed);
        expect(verifyModule(m)).toEqual([]);
        expect(outline(reparse(printModule(m)))).toEqual(outline(m));
      }),
      { numRuns: 60 },
    );
  });

  it('keeps every number, and every name and string, as it is', () => {
    const pieces = [
      'a',
      '_',
      '7',
      '"',
      '\\',
      '\n',
      '\u2028',
      '\0',
      '\ud800',
      'é',
      '%',
      '//',
      'loc',
      'kernel',
      '__proto__',
      ' ',
    ];
    // Names that every object has are refused.
    const text = fc
      .array(fc.constantFrom(...pieces), { maxLength: 6 })
      .map((list) => list.join(''))
      .filter((name) => !(name in {}));
    fc.assert(
      fc.property(
        fc.double(),
        fc.uniqueArray(text, { minLength: 3, maxLength: 3 }),
        (value, [a = '', b = '', c = '']) => {
          const m = reparse(
            'kernel k(%n: f32, %x: view<in ?xf32> [N]) axes [m] { %a = program_id {axis = "m"} : i32 }',
          );
          const [kernel] = m.kernels;
          if (kernel === undefined) throw new Error('no kernel');
          Object.assign(kernel, { name: `k${a}`, axes: [b, c], comptime: { [`c${a}`]: 3, __proto__x: 1 }, config: {} });
          const [scalar, view] = kernel.params;
          kernel.params = [
            { ...scalar, name: a },
            { ...view, name: b, dims: [c] },
          ] as typeof kernel.params;
          const [op] = kernel.body.ops;
          if (op === undefined) throw new Error('no op');
          Object.assign(op, { attrs: { axis: b }, loc: { span: { file: a, start: 0, end: 1 }, callee: c } });
          const constant = reparse('kernel k() axes [] { %a = const {value = 0} : f32 }').kernels[0]?.body.ops[0];
          if (constant === undefined) throw new Error('no op');
          Object.assign(constant.attrs, { value });
          kernel.body.ops.push(constant);
          expect(outline(reparse(printModule(m, { locs: true })), { locs: true })).toEqual(outline(m, { locs: true }));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives equal names to no two values, whatever their hints', () => {
    const m = reparse(
      'kernel k(%a: f32) axes [] { %b = neg %a : f32  %c = neg %b : f32  %d = neg %c : f32  %0 = neg %d : f32 }',
    );
    const values: Value[] = (m.kernels[0]?.body.ops ?? []).flatMap((op) => op.results);
    for (const [i, hint] of ['a', 'a', 'a_1', '0'].entries()) Object.assign(values[i] as Value, { hint });
    expect(printModule(m)).toBe(`kernel k(%a: f32) axes [] {
  %a_1 = neg %a : f32
  %a_2 = neg %a_1 : f32
  %a_1_1 = neg %a_2 : f32
  %v0 = neg %a_1_1 : f32
}
`);
  });
});

/** Gives every tile a layout: the bits of its index, shuffled and mixed, dealt to registers and invocations. */
function layOut(m: Module, seed: number): void {
  let state = seed;
  const random = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  for (const kernel of m.kernels)
    for (const op of walk(kernel.body))
      for (const v of [...op.results, ...op.regions.flatMap((r) => r.args)]) {
        if (v.type.kind !== 'tile') continue;
        const { shape } = v.type;
        const bases: number[] = [];
        for (let bit = 1; bit < shape.reduce((n, e) => n * e, 1); bit *= 2) bases.push(bit | random(bit));
        bases.push(...Array.from({ length: random(2) }, () => 0));
        const register: number[] = [];
        const invocation: number[] = [];
        for (const b of bases) (random(2) ? register : invocation).splice(random(3), 0, b);
        v.layout = { shape, ins: { register, invocation } };
      }
}

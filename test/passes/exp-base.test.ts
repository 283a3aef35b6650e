import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Kernel, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { expBase } from '../../compiler/passes/exp-base.js';
import { launch } from '../ir/launch.js';
import { CONTEXT, textCases } from './text-cases.js';

textCases(expBase);

/** Exponents: products, negations and shape ops over a row of inputs, a scalar (0.7) and constants. */
const STEPS: readonly ((x: string, i: number, c: number) => string)[] = [
  (x, i) => `%v${i} = neg ${x} : tile<4x8xf32>`,
  (x, i, c) => `%c${i} = const {value = ${c}} : tile<4x8xf32>\n%v${i} = mul ${x}, %c${i} : tile<4x8xf32>`,
  (x, i) => `%c${i} = splat %s : tile<4x8xf32>\n%v${i} = mul %c${i}, ${x} : tile<4x8xf32>`,
  (x, i) => `%v${i} = mul ${x}, %col : tile<4x8xf32>`,
  (x, i) => `%v${i} = add ${x}, %a : tile<4x8xf32>`,
  (x, i) => `%v${i} = mul ${x}, %v0 : tile<4x8xf32>`,
];

function kernelText(steps: readonly { rule: number; constant: number }[]): string {
  const lines = steps.map((s, i) => STEPS[s.rule]?.(`%v${i}`, i + 1, s.constant) ?? '');
  return `kernel k(%y: view<out 4x8xf32> [Y0, Y1], %x: view<in ?x?xf32> [R, K], %s: f32) axes [] {
    %zero = const {value = 0} : i32
    %a = load %x, %zero, %zero {pad = 0} : tile<4x8xf32>
    %i = iota : tile<4xi32>
    %f = cast %i {to = f32} : tile<4xf32>
    %e = expand %f {axis = 1} : tile<4x1xf32>
    %col = broadcast %e : tile<4x8xf32>
    %v0 = broadcast %e : tile<4x8xf32>
    ${lines.join('\n')}
    %r = exp %v${steps.length} : tile<4x8xf32>
    store %y, %r, %zero, %zero
  }`;
}

it('exp-base changes a power by a few units of 2^-24 of its exponent', () => {
  const step = fc.record({
    rule: fc.nat({ max: STEPS.length - 1 }),
    constant: fc.constantFrom(-2, 0.3, 0, 1e30, -1e-40),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      const kernel = parseModule(kernelText(steps)).module?.kernels[0] as Kernel;
      const before = launch(kernel, 'f64').y ?? [];
      expBase.run(kernel, CONTEXT);
      expect([...walk(kernel.body)].some((op) => op.name === 'exp')).toBe(false);
      const after = launch(kernel, 'f64').y ?? [];
      for (const [i, x] of before.entries()) expectPower(after[i] as number, x);
    }),
  );
});

/** f32 exponents of magnitude t lose up to 3 |t| 2^-24; beyond 2^±128 both are out of range, or on their way there. */
function expectPower(actual: number, expected: number): void {
  const t = Math.abs(Math.log2(expected));
  if (Number.isNaN(expected)) expect(actual).toBeNaN();
  else if (t > 128) expect(Math.abs(Math.log2(actual))).toBeGreaterThan(127);
  else expect(Math.abs(actual - expected)).toBeLessThanOrEqual(3 * (t + 1) * 2 ** -24 * expected);
}

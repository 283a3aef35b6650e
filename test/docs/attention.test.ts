import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gradients, inputs, packed, prefillAndDecode, tokensBeforeHeads } from '../../docs/attention.js';
import { lightningAttention } from '../../index.js';
import type { Tensor } from '../../runtime/index.js';
import { ROOT } from '../house/sources.js';
import { devices } from '../kernels/session.js';

const read = (name: string): string => readFileSync(join(ROOT, 'docs', name), 'utf8');
const blocks = [...read('attention.md').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);

const rounded = (x: Float64Array): number[] => Array.from(x, (value) => Number(value.toFixed(5)));

async function farthest(a: Tensor, b: Tensor): Promise<number> {
  const [x, y] = [await a.read(), await b.read()];
  return Math.max(...x.map((value, i) => Math.abs(value - (y[i] ?? Number.NaN))));
}

describe('the page of the operator', () => {
  const on = devices('exact');

  test('shows the code that lies beside it', () => {
    const source = read('attention.ts');
    expect(blocks.length).toBe(4);
    expect(blocks.filter((code) => !source.includes(code))).toEqual([]);
  });

  test('prefill, then steps, is one long forward pass', async () => {
    const { o } = await lightningAttention(on.exact, inputs(on.exact));
    const { prefix, rest } = await prefillAndDecode(on.exact);
    const [B, H, , D] = o.shape as readonly [number, number, number, number];
    expect(await farthest(prefix, o.view([B, H, 4, D], o.strides))).toBeLessThan(1e-6);
    expect(rest.length).toBe(2);
    for (const [i, one] of rest.entries()) {
      const want = o.view([B, H, D], [o.strides[0] ?? 0, o.strides[1] ?? 0, 1], (4 + i) * D);
      expect(await farthest(one, want)).toBeLessThan(1e-6);
    }
  });

  test('gradients are slopes of the sum', async () => {
    const { slope, ...rest } = inputs(on.exact);
    const sumAt = async (slopes: readonly number[]): Promise<number> => {
      const { o } = await lightningAttention(on.exact, { ...rest, slope: slope.write(slopes) });
      return (await o.read()).reduce((total, x) => total + x, 0);
    };
    const step = 2 ** -12;
    const [more, less] = [await sumAt([0.5, 0.03 + step]), await sumAt([0.5, 0.03 - step])];
    const { dq, dslope } = await gradients(on.exact);
    expect((await dslope.read())[1]).toBeCloseTo((more - less) / (2 * step), 4);
    // The query of the first token sees its own key and value only.
    const [k, v] = [await rest.k.read(), await rest.v.read()];
    const sum = v.subarray(0, 4).reduce((total, x) => total + x, 0);
    const first = (await dq.read()).subarray(0, 4);
    expect(rounded(first)).toEqual(rounded(k.subarray(0, 4).map((x) => x * sum)));
  });

  test('tokens before heads, fewer heads of k and v', async () => {
    const o = await tokensBeforeHeads(on.exact);
    expect(o.shape).toEqual([1, 6, 2, 3]);
    // q . k is 1; each token adds 1 to half of what was.
    const want = [1, 1.5, 1.75, 1.875, 1.9375, 1.96875].flatMap((x) => Array(6).fill(x));
    expect(rounded(await o.read())).toEqual(rounded(Float64Array.from(want)));
  });

  test('packed sequences begin anew', async () => {
    const { o, hT } = await packed(on.exact);
    expect([o.shape, hT.shape]).toEqual([
      [6, 2, 4],
      [3, 2, 4, 4],
    ]);
    const want = [1, 2, 1, 2, 3, 4].flatMap((x) => Array(8).fill(x));
    expect(rounded(await o.read())).toEqual(want);
    expect(rounded(await hT.read())).toEqual([0.5, 0, 1].flatMap((x) => Array(32).fill(x)));
  });
});

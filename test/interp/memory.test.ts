import { describe, expect, it } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { TensorArg } from '../../compiler/interp/machine.js';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { makeKernel, region, run, tensor, tile, unwritten } from './make.js';

const span = { file: 'k.ts', start: 3, end: 9 };

/** Code of the trap, after checking that it says where. */
function trapOf(f: () => void): string {
  try {
    f();
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    const [d] = error.diagnostics;
    expect(d?.span).toEqual(span);
    expect(d?.help.length).toBeGreaterThan(0);
    return d?.code ?? '';
  }
  return 'no trap';
}

type V = Record<string, Value>;
const kernel = (specs: Parameters<typeof makeKernel>[0], body: (b: Builder, v: V) => void, axes = ['p']): Kernel =>
  makeKernel(specs, axes, (b, v) => {
    b.loc = { span };
    body(b, v);
  });
const int = (b: Builder, x: number): Value => b.constant(x, 'i32');
const get = (v: V, name: string): Value => v[name] as Value;
const pid = (b: Builder): Value => b.value('program_id', [], { axis: 'p' });
const f32s = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => i + 1);

describe('views', () => {
  it('loads pad outside, on both sides, and stores drop', () => {
    const k = kernel({ x: ['in', 'f32', 'N'], y: ['out', 'f32', 'M'] }, (b, v) => {
      const t = b.value('load', [get(v, 'x'), int(b, -2)], { pad: 9 }, tile('f32', 7));
      b.op('store', [get(v, 'y'), t, int(b, -1)], {});
    });
    const y = tensor([4], -1);
    run(k, { x: tensor([3], f32s(3)), y }, { p: 1 });
    expect([...y.data]).toEqual([9, 1, 2, 3]);
    const wide = tensor([8], -1);
    run(k, { x: tensor([3], f32s(3)), y: wide }, { p: 1 });
    expect([...wide.data]).toEqual([9, 1, 2, 3, 9, 9, -1, -1]);
  });

  it('masked lanes read pad and do not store; lanes past `valid` likewise', () => {
    const k = kernel({ x: ['in', 'f32', 'N'], y: ['out', 'f32', 'N'] }, (b, v) => {
      const i = b.value('iota', [], {}, tile('i32', 4));
      const one = b.value('const', [], { value: 1 }, tile('i32', 4));
      const mask = b.value('cmp', [i, one], { pred: 'ge' });
      const t = b.value('load', [get(v, 'x'), int(b, 0), mask], { pad: 7, masked: true, valid: [3] }, tile('f32', 4));
      b.op('store', [get(v, 'y'), t, int(b, 0)], { valid: [3] });
    });
    const y = tensor([4], -1);
    run(k, { x: tensor([4], f32s(4)), y }, { p: 1 });
    expect([...y.data]).toEqual([7, 2, 3, -1]);
  });

  it('slice renumbers, cuts to the parent on both sides, and nests; at outside is empty; get outside is 0', () => {
    const k = kernel({ x: ['in', 'f32', 'A', 'N'], y: ['out', 'f32', 'R', 'W'] }, (b, v) => {
      const row = (i: number): Value => b.value('view_at', [get(v, 'x'), int(b, i)], { keep: [false, true] });
      const cut = (x: Value, from: number, to: number): Value =>
        b.value('view_slice', [x, int(b, from), int(b, to)], {});
      const views = [
        cut(row(1), -2, 2),
        cut(row(1), 1, 99),
        cut(cut(row(0), 1, 4), 1, 9),
        cut(row(0), 3, 1),
        row(5),
        row(-1),
      ];
      views.forEach((view, r) => {
        const t = b.value('load', [view, int(b, 0)], { pad: 0.5 }, tile('f32', 4));
        const out = b.value('view_at', [get(v, 'y'), int(b, r)], { keep: [false, true] });
        b.op('store', [out, t, int(b, 0)], {});
        const g = b.value('get', [view, int(b, 1)], {});
        b.op(
          'store',
          [get(v, 'y'), b.value('expand', [b.value('expand', [g], { axis: 0 })], { axis: 0 }), int(b, r), int(b, 4)],
          {},
        );
      });
    });
    const y = tensor([6, 5], -1);
    run(k, { x: tensor([2, 5], f32s(10)), y }, { p: 1 });
    const rows = Array.from({ length: 6 }, (_, r) => [...y.data.slice(r * 5, r * 5 + 5)]);
    const p = 0.5;
    expect(rows).toEqual([
      [p, p, 6, 7, 0],
      [7, 8, 9, 10, 8],
      [3, 4, p, p, 4],
      [p, p, p, p, 0],
      [p, p, p, p, 0],
      [p, p, p, p, 0],
    ]);
  });

  it('follows strides: offset, transposed, broadcast', () => {
    const k = kernel({ x: ['in', 'f32', 'M', 'N'], y: ['out', 'f32', 'M', 'N'] }, (b, v) => {
      const t = b.value('load', [get(v, 'x'), int(b, 0), int(b, 0)], { pad: 0 }, tile('f32', 2, 3));
      b.op('store', [get(v, 'y'), t, int(b, 0), int(b, 0)], {});
    });
    const data = f32s(9);
    const y = { ...tensor([2, 3]), data: new Float64Array(6), strides: [1, 2] };
    run(k, { x: { data, dtype: 'f32', shape: [2, 3], strides: [0, 2], offset: 1 }, y }, { p: 1 });
    expect([...y.data]).toEqual([2, 2, 4, 4, 6, 6]);
  });
});

describe('traps', () => {
  const copy = (attrs: object, access: 'in' | 'inout' = 'in', origin?: (b: Builder) => Value): Kernel =>
    kernel({ x: [access, 'f32', 'N'], y: ['out', 'f32', 'N'] }, (b, v) => {
      const at = origin?.(b) ?? int(b, 0);
      const t = b.value('load', [get(v, 'x'), at], { pad: 0, ...attrs }, tile('f32', 4));
      b.op('store', [get(v, 'y'), t, at], {});
    });
  const four = (b: Builder): Value => b.value('mul', [pid(b), int(b, 4)], {});

  it('LAC0801 broken promise, LAC0802 poison', () => {
    const y = tensor([3]);
    expect(trapOf(() => run(copy({ in_bounds: true }), { x: tensor([3]), y }, { p: 1 }))).toBe('LAC0801');
    expect(trapOf(() => run(copy({ in_bounds: true }), { x: tensor([4]), y: tensor([4]) }, { p: 1 }))).toBe('no trap');
    expect(trapOf(() => run(copy({}), { x: unwritten([3]), y }, { p: 1 }))).toBe('LAC0802');
  });

  it('a wrong proof of bounds is a bug of ours', () => {
    expect(() => run(copy({ guard: [false] }), { x: tensor([3]), y: tensor([3]) }, { p: 1 })).toThrow(/compiler bug/);
  });

  it('LAC0803 two programs write one element', () => {
    const args = (): Record<string, TensorArg> => ({ x: tensor([8]), y: tensor([8]) });
    expect(trapOf(() => run(copy({}), args(), { p: 2 }))).toBe('LAC0803');
    expect(trapOf(() => run(copy({}, 'in', four), args(), { p: 2 }))).toBe('no trap');
  });

  it('LAC0804 reading what another program wrote, and writing what another one read', () => {
    const k = (read: (b: Builder) => Value): Kernel =>
      kernel({ x: ['inout', 'f32', 'N'] }, (b, v) => {
        const t = b.value('load', [get(v, 'x'), read(b)], { pad: 0 }, tile('f32', 4));
        b.op('store', [get(v, 'x'), t, four(b)], {});
      });
    const x = (): Record<string, TensorArg> => ({ x: tensor([8]) });
    expect(trapOf(() => run(k(four), x(), { p: 2 }))).toBe('no trap');
    expect(
      trapOf(() =>
        run(
          k((b) => int(b, 0)),
          x(),
          { p: 2 },
        ),
      ),
    ).toBe('LAC0804');
    expect(
      trapOf(() =>
        run(
          k((b) => int(b, 4)),
          x(),
          { p: 2 },
        ),
      ),
    ).toBe('LAC0804');
  });

  it('a program sees its own stores, also of memory that was never written', () => {
    const k = kernel({ x: ['inout', 'f32', 'N'] }, (b, v) => {
      const one = b.value('const', [], { value: 1 }, tile('f32', 4));
      b.op('store', [get(v, 'x'), one, int(b, 0)], {});
      const t = b.value('load', [get(v, 'x'), int(b, 0)], { pad: 0 }, tile('f32', 4));
      b.op('store', [get(v, 'x'), b.value('add', [t, one], {}), int(b, 0)], {});
    });
    const x = unwritten([4]);
    run(k, { x }, { p: 1 });
    expect([...x.data]).toEqual([2, 2, 2, 2]);
    expect([...(x.written as Uint8Array)]).toEqual([1, 1, 1, 1]);
  });

  it('LAC0805 two lanes write one element', () => {
    const y: TensorArg = { ...tensor([4]), strides: [0] };
    expect(trapOf(() => run(copy({}), { x: tensor([4]), y }, { p: 1 }))).toBe('LAC0805');
  });

  it('LAC0806, LAC0807 integer division', () => {
    const k = kernel({ a: ['scalar', 'i32'], d: ['scalar', 'i32'], y: ['out', 'i32', 'N'] }, (b, v) => {
      const q = b.value('idiv', [get(v, 'a'), get(v, 'd')], {});
      const r = b.value('rem', [get(v, 'a'), get(v, 'd')], {});
      b.op('store', [get(v, 'y'), b.value('expand', [q], { axis: 0 }), int(b, 0)], {});
      b.op('store', [get(v, 'y'), b.value('expand', [r], { axis: 0 }), int(b, 1)], {});
    });
    const y = tensor([2], 0, 'i32');
    run(k, { a: -7, d: 2, y }, { p: 1 });
    expect([...y.data]).toEqual([-3, -1]);
    expect(trapOf(() => run(k, { a: 1, d: 0, y }, { p: 1 }))).toBe('LAC0806');
    expect(trapOf(() => run(k, { a: -(2 ** 31), d: -1, y }, { p: 1 }))).toBe('LAC0807');
  });

  it('LAC0808 step, LAC0809 step limit', () => {
    const k = kernel({ step: ['scalar', 'i32'], y: ['out', 'i32', 'N'] }, (b, v) => {
      const body = region([tile('i32'), tile('i32')], (r, [i, sum]) => [
        r.value('add', [i as Value, sum as Value], {}),
      ]);
      const loop = b.op(
        'for',
        [int(b, 0), int(b, 2 ** 31 - 1), get(v, 'step'), int(b, 0)],
        { reverse: true },
        undefined,
        [body],
      );
      b.op('store', [get(v, 'y'), b.value('expand', [loop.results[0] as Value], { axis: 0 }), int(b, 0)], {});
    });
    const y = tensor([1], 0, 'i32');
    run(k, { step: 2 ** 30, y }, { p: 1 });
    expect([...y.data]).toEqual([2 ** 30]);
    expect(trapOf(() => run(k, { step: 0, y }, { p: 1 }))).toBe('LAC0808');
    const limited = kernel({ step: ['scalar', 'i32'] }, (b, v) => {
      const body = region([tile('i32')], (r) => {
        r.loc = { span };
        r.constant(1, 'i32');
        return [];
      });
      b.op('for', [int(b, 0), int(b, 2 ** 31 - 1), get(v, 'step')], {}, undefined, [body]);
    });
    expect(trapOf(() => run(limited, { step: 1 }, { p: 1 }, 'f64', 1000))).toBe('LAC0809');
  });
});

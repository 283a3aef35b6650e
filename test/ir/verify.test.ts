import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../compiler/ir/limits.js';
import { type Kernel, newBlock, newOp, type Op, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { scalarType, tileType } from '../../compiler/ir/types.js';
import { verifyKernel } from '../../compiler/ir/verify.js';
import { modules } from './generate.js';

const HEAD = 'kernel k(%x: view<in ?x16xf32> [N, M], %y: view<out ?x16xf32> [N, M], %s: f32, %n: i32) axes [p]';
const body = (text: string): string => `${HEAD} {\n${text}\n}`;
const ZERO = '%z = const {value = 0} : i32';

/** Text, what it is refused with, and the piece of it that the span covers. */
const REFUSED: readonly [title: string, text: string, code: string, message: string, at: string][] = [
  ['operand missing', body('%a = add %s, : f32'), 'LAC0401', 'expected a value', ':'],
  ['brace missing', `${HEAD} {`, 'LAC0401', 'expected `}`, found the end of the text', '{'],
  ['no token', body('%a = neg %s : f32 ;'), 'LAC0401', 'no token', ';'],
  ['bad escape', 'kernel "\\q"() axes [] {}', 'LAC0401', 'escape', '"\\q"'],
  ['extent too large', body('%a = iota : tile<70000xi32>'), 'LAC0402', '1..65536', 'iota'],
  ['tile too large', body('%a = const {value = 1} : tile<4096x512xf32>'), 'LAC0402', 'elements', 'const'],
  ['rank too large', body('%a = const {value = 1} : tile<2x2x2x2xf32>'), 'LAC0402', 'rank', 'const'],
  ['zero extent', body('%a = const {value = 1} : tile<0x4xf32>'), 'LAC0402', 'extent', 'const'],
  ['unknown op', body('%a = adds %s, %s : f32'), 'LAC0403', 'did you mean add?', 'adds'],
  ['unknown type', body('%a = neg %s : f64'), 'LAC0403', 'f64', 'f64'],
  ['tile without extents', body('%a = neg %s : tile<f32>'), 'LAC0403', 'written f32', 'tile<f32>'],
  ['undefined', body('%a = neg %b : f32'), 'LAC0404', '%b is not defined', '%b'],
  ['used before it is defined', body('%a = neg %b : f32 %b = neg %s : f32'), 'LAC0404', '%b is not', '%b'],
  [
    'defined in a region',
    body(`${ZERO} for %z, %n, %n (%i: i32) { %a = neg %s : f32 yield } %b = neg %a : f32`),
    'LAC0404',
    '%a is not',
    '%a',
  ],
  ['defined twice', body('%a = neg %s : f32 %a = neg %s : f32'), 'LAC0404', '%a is defined twice', '%a'],
  ['operands differ', body('%a = add %s, %n : f32'), 'LAC0405', 'operands differ: f32 and i32', 'add'],
  ['wrong result', body('%a = neg %s : i32'), 'LAC0405', 'the result is f32', 'neg'],
  [
    'writes an input',
    body(`${ZERO} %t = const {value = 1} : tile<4x4xf32> store %x, %t, %z, %z`),
    'LAC0405',
    'an input cannot be written',
    'store',
  ],
  [
    'reads an output',
    body(`${ZERO} %t = load %y, %z, %z {pad = 0} : tile<4x4xf32>`),
    'LAC0405',
    'an output cannot be read',
    'load',
  ],
  ['literal that does not fit', body('%a = const {value = 0.5} : i32'), 'LAC0405', '0.5 is no i32', 'const'],
  ['axis out of range', body('%a = expand %s {axis = -1} : tile<1xf32>'), 'LAC0405', 'axis -1', 'expand'],
  ['no yield', body('for %n, %n, %n (%i: i32) { }'), 'LAC0406', 'does not end with yield', 'for'],
  ['yield in the body', body('yield'), 'LAC0406', 'only at the end of a region', 'yield'],
  [
    'yields another type',
    body('%r = for %n, %n, %n, %s : f32 (%i: i32, %a: f32) { yield %i }'),
    'LAC0406',
    'yields i32, not f32',
    'for',
  ],
  ['arguments of a loop', body('for %n, %n, %n { yield }'), 'LAC0406', 'arguments are none, not i32', 'for'],
  [
    'regions of an if',
    body('%c = cmp %n, %n {pred = "eq"} : i1 if %c { yield }'),
    'LAC0406',
    'has 1 regions, takes 2',
    'if',
  ],
  ['attribute missing', body('%a = const : f32'), 'LAC0407', 'value is missing', 'const'],
  ['attribute unknown', body('%a = const {value = 1, of = 2} : f32'), 'LAC0407', 'no attribute of', 'of'],
  ['attribute twice', body('%a = const {value = 1, value = 2} : f32'), 'LAC0407', 'given twice', 'value'],
  ['attribute of wrong kind', body('%a = cast %s {to = "f32"} : f32'), 'LAC0407', 'to must be one of', '"f32"'],
  ['no whole number', body('%a = expand %s {axis = 0.5} : tile<1xf32>'), 'LAC0407', 'axis must be int', 'expand'],
  ['layout with a hole', body('%a = iota : tile<8xi32> @ inv[c1 c2]'), 'LAC0408', 'does not reach', 'iota'],
  [
    'layout of an odd extent',
    body('%a = iota : tile<6xi32> @ inv[c1 c2 c4]'),
    'LAC0408',
    'no powers of two',
    'tile<6xi32>',
  ],
  ['basis outside', body('%a = iota : tile<8xi32> @ inv[c1 c2 c8]'), 'LAC0408', 'outside of extent 8', 'c8'],
  ['axis of the grid', body('%a = program_id {axis = "q"} : i32'), 'LAC0409', 'no program axis q', 'program_id'],
  ['dimension', body('%a = dim {name = "Q"} : i32'), 'LAC0409', 'no argument has a dimension Q', 'dim'],
];

describe('IR is refused', () => {
  it.each(REFUSED)('%s', (_, text, code, message, at) => {
    const { module, diagnostics } = parseModule(text);
    const [d] = diagnostics;
    expect(module).toBeNull();
    expect(d).toMatchObject({ code, severity: 'error' });
    expect(d?.message).toContain(message);
    expect(d?.span && text.slice(d.span.start, d.span.end)).toBe(at);
  });

  const HEADERS: readonly [string, string, string][] = [
    ['parameter twice', 'kernel k(%a: f32, %b as "a": f32) axes [] {}', 'parameter a is named twice'],
    ['axis twice', 'kernel k() axes [p, p] {}', 'program axis p is named twice'],
    ['dims of another rank', 'kernel k(%x: view<in ?xf32> [N, M]) axes [] {}', '1 axes and 2 names'],
    ['one dimension, two extents', 'kernel k(%x: view<in 4x8xf32> [N, N]) axes [] {}', 'dimension N is 4 and 8'],
    ['comptime size', 'kernel k(%x: view<in 4xf32> [N]) axes [] comptime {N = 8} {}', 'dimension N is 8 and 4'],
    ['view without names', 'kernel k(%x: view<in 4xf32>) axes [] {}', 'need names'],
    ['two kernels', 'kernel k() axes [] {}\nkernel k() axes [] {}', 'two kernels'],
  ];
  it.each(HEADERS)('%s', (_, text, message) => {
    const { module, diagnostics } = parseModule(text);
    expect(module).toBeNull();
    expect(diagnostics[0]).toMatchObject({ code: 'LAC0409' });
    expect(diagnostics[0]?.message).toContain(message);
  });

  it('dimension, axis or argument under a name that every object has', () => {
    for (const text of [
      'kernel k(%x: view<in ?xf32> [__proto__]) axes [] {}',
      'kernel k() axes [constructor] {}',
      'kernel k(%valueOf: i32) axes [] {}',
    ])
      expect(parseModule(text).diagnostics).toMatchObject([{ code: 'LAC0409' }]);
  });

  it('names the kernel and the op', () => {
    const [d] = parseModule(body('%a = add %s, %n : f32')).diagnostics;
    expect(d?.message).toBe('kernel k, `%a = add %s, %n : f32`: operands differ: f32 and i32');
  });
});

describe('hostile text ends in a diagnostic', () => {
  const nested = (n: number): string => body(`${'inline {callee = "f"} { '.repeat(n)}${'yield } '.repeat(n)}`);
  const OVER: readonly [string, string][] = [
    ['nesting', nested(10_000)],
    ['length', `kernel k() axes [] { ${' '.repeat(LIMITS.textLength)} }`],
    ['operands', body(`yield ${'%s, '.repeat(LIMITS.arity)}%s`)],
    ['calls of a location', body(`%a = neg %s : f32 loc(${'"f":1:2, '.repeat(300)}"f":1:2)`)],
  ];
  it.each(OVER)('%s', (_, text) => {
    expect(parseModule(text).diagnostics[0]).toMatchObject({ code: 'LAC0402' });
  });

  it('long tokens and unclosed text', () => {
    for (const text of ['"'.repeat(50_001), `"${'\\n'.repeat(50_000)}`, '%'.repeat(50_000), '-'.repeat(50_000)])
      expect(parseModule(text).diagnostics[0]).toMatchObject({ code: 'LAC0401' });
    expect(parseModule(`kernel "${'a'.repeat(1_000_000)}"() axes [] {}`).diagnostics).toEqual([]);
  });

  it('nesting within the limit is read', () => {
    expect(parseModule(nested(100)).diagnostics).toEqual([]);
  });

  it('any edit of good text gives a module or a diagnostic', () => {
    const edit = fc.record({
      at: fc.nat(),
      drop: fc.nat({ max: 12 }),
      text: fc.constantFrom('', '%0', '{', '}', '-1', 'f16', ', ', '@ reg[c1]', '0x', '"', 'tile<1xf32>', '['),
    });
    fc.assert(
      fc.property(modules(), fc.array(edit, { minLength: 1, maxLength: 3 }), (m, edits) => {
        let text = printModule(m);
        for (const e of edits) {
          const at = e.at % (text.length + 1);
          text = text.slice(0, at) + e.text + text.slice(at + e.drop);
        }
        const { module, diagnostics } = parseModule(text);
        expect(module === null).toBe(diagnostics.length > 0);
        for (const d of diagnostics) expect(d.span === null || d.span.end <= text.length).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the verifier finds', () => {
  const kernel = (): Kernel => {
    const k = parseModule(body('%a = neg %s : f32 %b = neg %a : f32')).module?.kernels[0];
    if (k === undefined) throw new Error('no kernel');
    return k;
  };
  const codes = (k: Kernel): string[] => [...new Set(verifyKernel(k).map((d) => d.code))];

  it('an op in two places, a use before its definition, a foreign value', () => {
    const twice = kernel();
    twice.body.ops.push(...twice.body.ops.slice(0, 1));
    expect(codes(twice)).toEqual(['LAC0404']);
    const swapped = kernel();
    swapped.body.ops.reverse();
    expect(codes(swapped)).toEqual(['LAC0404']);
    const foreign = kernel();
    const other = kernel().body.ops[0]?.results ?? [];
    foreign.body.ops.push(newOp('neg', other, {}, [scalarType('f32')]));
    expect(codes(foreign)).toEqual(['LAC0404']);
  });

  it('results, layouts and arguments that belong to something else', () => {
    const stolen = kernel();
    const [a, b] = stolen.body.ops;
    if (a === undefined || b === undefined) throw new Error('no ops');
    b.results = [{ ...(b.results[0] as (typeof b.results)[number]), def: a }];
    expect(codes(stolen)).toEqual(['LAC0404']);
    const laidOut = kernel();
    const op = newOp('iota', [], {}, [tileType('i32', [4])]);
    Object.assign(op.results[0] ?? {}, { layout: { shape: [8], ins: { register: [1, 2, 4] } } });
    laidOut.body.ops.push(op);
    expect(codes(laidOut)).toEqual(['LAC0408']);
    const bare = kernel();
    bare.body = { ...newBlock([]), ops: [] };
    expect(codes(bare)).toEqual(['LAC0409']);
  });

  it('a dropped operand, result or region in any generated kernel', () => {
    fc.assert(
      fc.property(modules(), fc.nat(), fc.nat({ max: 2 }), (m, pick, what) => {
        const k = m.kernels[0] as Kernel;
        const parts = (op: Op): unknown[] => [op.operands, op.results, op.regions][what] as unknown[];
        const ops = [...walk(k.body)].filter((op) => parts(op).length > 0);
        const op = ops[pick % Math.max(1, ops.length)];
        fc.pre(op !== undefined);
        parts(op as Op).pop();
        expect(verifyKernel(k).length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });

  it('does not overflow the stack on deep regions', () => {
    const k = kernel();
    let block = k.body;
    for (let i = 0; i < 20_000; i++) {
      const inner = newBlock([]);
      const op = newOp('inline', [], { callee: 'f' }, [], [inner]);
      block.ops.unshift(op);
      inner.ops.push(newOp('yield', [], {}, []));
      block = inner;
    }
    expect(codes(k)).toContain('LAC0402');
  });
});

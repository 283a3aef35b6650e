import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PtxBuilder } from '../../../backends/ptx/isa/builder.js';
import { at, f32, f32Bits, f32OfBits, imm, LAC_SHARED, type Operand } from '../../../backends/ptx/isa/operand.js';
import { type PtxModule, ptxModule } from '../../../backends/ptx/isa/print.js';
import { f32Text } from '../../../backends/ptx/isa/text.js';
import { targetFor } from '../../../backends/ptx/target.js';
import type { Span } from '../../../compiler/diag/diagnostic.js';
import { assemble, PTXAS } from './ptxas.js';

const span = (file: string, start: number): Span => ({ file, start, end: start + 1 });

/** Doubles element tid of b0, `words[0]` elements, by way of shared memory. */
function doubling(sm: number, more: Partial<PtxModule> = {}): string {
  const target = targetFor(sm);
  const b = new PtxBuilder(target);
  const count = b.inPrologue(() => b.op('ld.param.b32', at('words')));
  const base = b.inPrologue(() => b.op('cvta.to.global.u64', b.op('ld.param.b64', at('b0'))));
  b.loc(span('a.ts', 10));
  b.comment('x = 2 x, où?');
  const inside = b.op('setp.lt.s32', b.special('%tid.x'), count);
  const address = b.op('mad.wide.s32', b.special('%tid.x'), imm(4), base);
  const x = b.reg('b32');
  b.into('mov.b32', x, f32(0));
  b.loc(span('b.ts', 3));
  b.when(inside, false, () => b.into('ld.global.b32', x, at(address)));
  b.loc(span('hidden.ts', 3));
  b.exec('st.shared.b32', at(LAC_SHARED), x);
  b.loc(span('a.ts', 10));
  b.loc(null);
  const end = b.newLabel('end');
  b.branch(end, inside, true);
  b.exec('st.global.b32', at(address), b.op('mul.f32', x, f32(2)));
  b.place(end);
  const params = [{ name: 'b0' }, { name: 'words', bytes: 8 }];
  return ptxModule({ target, entry: 'lac_double', params, block: [64, 1, 1], body: b, ...more });
}

const position = ({ file, start }: Span) =>
  file === 'hidden.ts' ? null : { file: `dir "x"/${file}`, line: start, column: 1 };

describe('module text', () => {
  test('golden', () => {
    expect(doubling(80, { position, minCtas: 2, maxRegs: 128 })).toBe(`.version 7.0
.target sm_80
.address_size 64
.file 1 "dir ?x?/a.ts"
.file 2 "dir ?x?/b.ts"
.extern .shared .align 1024 .b8 lac_shared[];

.visible .entry lac_double(
  .param .u64 b0,
  .param .align 8 .b8 words[8]
)
.maxntid 64, 1, 1
.minnctapersm 2
.maxnreg 128
{
  .reg .pred %p<1>;
  .reg .b32 %r<4>;
  .reg .b64 %d<3>;
  ld.param.b32 %r0, [words];
  ld.param.b64 %d0, [b0];
  cvta.to.global.u64 %d1, %d0;
  mov.u32 %r1, %tid.x;
  // x = 2 x, o??
  .loc 1 10 1
  setp.lt.s32 %p0, %r1, %r0;
  mad.wide.s32 %d2, %r1, 4, %d1;
  mov.b32 %r2, 0x00000000;
  .loc 2 3 1
  @%p0 ld.global.b32 %r2, [%d2];
  st.shared.b32 [lac_shared], %r2;
  .loc 1 10 1
  @!%p0 bra $L0_end;
  mul.f32 %r3, %r2, 0f40000000;
  st.global.b32 [%d2], %r3;
$L0_end:
  ret;
}
`);
  });

  test('the same input gives the same text', () => {
    expect(doubling(90)).toBe(doubling(90));
    expect(doubling(90)).not.toMatch(/\.loc|\.file|\.maxnreg|\.minnctapersm/);
  });

  test.skipIf(PTXAS === null)('assembles, with its line table', () => {
    for (const sm of [80, 86, 90, 100, 120]) {
      const { ok, log } = assemble(doubling(sm, { position }), targetFor(sm).name);
      expect(ok, log).toBe(true);
    }
  });

  const headerOf = (write: (b: PtxBuilder) => unknown, sm = 90): string[] => {
    const body = new PtxBuilder(targetFor(sm));
    write(body);
    const text = ptxModule({ target: body.target, entry: 'k', params: [], block: [32, 1, 1], body });
    return text.split('\n').filter((l) => /^\.(version|target|extern)/.test(l));
  };
  test('version and target are the least that do', () => {
    expect(headerOf((b) => b.exec('trap'))).toEqual(['.version 7.8', '.target sm_90']);
    expect(headerOf((b) => b.exec('trap'), 80)).toEqual(['.version 7.0', '.target sm_80']);
    expect(headerOf((b) => b.op('cvt.f32.bf16', b.op('mov.b16', imm(0))), 80)).toContain('.version 7.1');
    const specific = headerOf((b) => b.exec('setmaxnreg.inc.sync.aligned.u32', imm(240)));
    expect(specific).toEqual(['.version 8.0', '.target sm_90a']);
  });
  test('shared memory is declared where it is used', () => {
    const declaration = '.extern .shared .align 1024 .b8 lac_shared[];';
    expect(headerOf((b) => b.op('mov.b32', LAC_SHARED))).toContain(declaration);
    expect(headerOf((b) => b.op('ld.shared.b32', at(LAC_SHARED, 4)))).toContain(declaration);
  });
});

describe('numbers', () => {
  test('floats are written as bits', () => {
    const texts = [1, -0, 0, Infinity, -Infinity, NaN, 1e-45, 0.1, 1e39].map(f32Text);
    expect(texts).toEqual([
      '0f3F800000',
      '0f80000000',
      '0f00000000',
      '0f7F800000',
      '0fFF800000',
      '0f7FC00000',
      '0f00000001',
      '0f3DCCCCCD',
      '0f7F800000',
    ]);
  });
  test('bits and floats are inverse', () => {
    fc.assert(fc.property(fc.float({ noNaN: true }), (x) => Object.is(f32OfBits(f32Bits(x)), x)));
  });

  const immediate = (write: (b: PtxBuilder) => unknown): string => {
    const body = new PtxBuilder(targetFor(80));
    write(body);
    const text = ptxModule({ target: body.target, entry: 'k', params: [], block: [32, 1, 1], body });
    return /, (\S+);/.exec(text)?.[1] ?? '';
  };
  const written: readonly [
    string,
    'mov.b16' | 'mov.b32' | 'mov.b64' | 'neg.s32' | 'neg.s64' | 'cvt.u64.u32' | 'neg.f32',
    Operand,
  ][] = [
    ['-1', 'neg.s32', imm(0xffffffff)],
    ['-2147483648', 'neg.s32', imm(-(2 ** 31))],
    ['4294967295', 'cvt.u64.u32', imm(-1)],
    ['0xFFFFFFFF', 'mov.b32', imm(-1)],
    ['1023', 'mov.b32', imm(1023)],
    ['0x00000400', 'mov.b32', imm(1024)],
    ['0x3FC00000', 'mov.b32', f32(1.5)],
    ['0x8000', 'mov.b16', imm(-32768)],
    ['0xFFFFFFFFFFFFFFFF', 'mov.b64', imm(-1)],
    ['0x0123456789ABCDEF', 'mov.b64', imm(0x0123456789abcdefn)],
    ['-9223372036854775808', 'neg.s64', imm(-(2n ** 63n))],
    ['0f00000000', 'neg.f32', imm(0)],
  ];
  test.each(written)('%s is an immediate of %s', (text, name, operand) => {
    expect(immediate((b) => b.op(name, operand))).toBe(text);
  });
});

import { describe, expect, test } from 'vitest';
import { PtxBuilder } from '../../../backends/ptx/isa/builder.js';
import { at, f32, imm, LAC_SHARED } from '../../../backends/ptx/isa/operand.js';
import { ptxModule } from '../../../backends/ptx/isa/print.js';
import { targetFor } from '../../../backends/ptx/target.js';
import { Bug } from '../../../compiler/diag/diagnostic.js';

const ampere = () => new PtxBuilder(targetFor(80));

/** The instructions of a body, without declarations. */
function textOf(body: PtxBuilder): string[] {
  const text = ptxModule({ target: body.target, entry: 'k', params: [{ name: 'b0' }], block: [32, 1, 1], body });
  const lines = text
    .slice(text.indexOf('{\n') + 2, text.indexOf('  ret;'))
    .trimEnd()
    .split('\n');
  return lines.map((l) => l.trim()).filter((l) => !l.startsWith('.reg'));
}

describe('what the builder writes', () => {
  test('one destination, several, none, and registers that exist', () => {
    const b = ampere();
    const base = b.op('ld.param.b64', at('b0'));
    const words = b.ops('ld.global.v4.b32', at(base, 16));
    const sum = b.reg('b32');
    b.into('add.s32', sum, words[0] ?? imm(0), imm(-1));
    b.exec('st.shared.v4.b32', at(LAC_SHARED, 32), [...words.slice(0, 3), sum]);
    b.exec('cp.async.commit_group');
    expect(textOf(b)).toEqual([
      'ld.param.b64 %d0, [b0];',
      'ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%d0+16];',
      'add.s32 %r4, %r0, -1;',
      'st.shared.v4.b32 [lac_shared+32], {%r0, %r1, %r2, %r4};',
      'cp.async.commit_group;',
    ]);
  });

  test('rows whose spelling is not their name', () => {
    const b = ampere();
    const shared = b.op('mov.b32', LAC_SHARED);
    const global = b.op('ld.param.b64', at('b0'));
    b.exec('cp.async.cg.16.zfill', at(shared), at(global, -8), imm(12));
    const [low, high] = b.ops('unpack.b32', shared);
    if (low !== undefined && high !== undefined) b.op('pack.b32', [high, low]);
    b.exec('bar.sync.count', imm(1), imm(64));
    const one = b.op('ldmatrix.sync.aligned.m8n8.x1.shared.b16', at(shared));
    b.op('movmatrix.sync.aligned.m8n8.trans.b16', one);
    expect(textOf(b)).toEqual([
      'mov.b32 %r0, lac_shared;',
      'ld.param.b64 %d0, [b0];',
      'cp.async.cg.shared.global [%r0], [%d0+-8], 16, 12;',
      'mov.b32 {%h0, %h1}, %r0;',
      'mov.b32 %r1, {%h1, %h0};',
      'bar.sync 1, 64;',
      'ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r0];',
      'movmatrix.sync.aligned.m8n8.trans.b16 %r3, %r2;',
    ]);
  });

  test('immediates that PTX does not have go through registers, the same one once', () => {
    const b = ampere();
    const x = b.op('mov.b32', imm(0x3f803f80));
    b.op('fma.rn.bf16x2', x, x, imm(0x80008000));
    b.ops('mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32', [x, x], x, [f32(0), f32(0), f32(0), f32(0)]);
    expect(textOf(b)).toEqual([
      'mov.b32 %r0, 0x3F803F80;',
      'mov.b32 %r2, 0x80008000;',
      'fma.rn.bf16x2 %r1, %r0, %r0, %r2;',
      'mov.b32 %r7, 0x00000000;',
      'mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%r3, %r4, %r5, %r6}, {%r0, %r0}, {%r0}, {%r7, %r7, %r7, %r7};',
    ]);
  });

  test('guards hold for what is written under them, and not for what they need', () => {
    const b = ampere();
    const p = b.op('setp.lt.s32', b.special('%tid.x'), imm(4));
    b.when(p, true, () => {
      b.exec('st.shared.v2.b32', at(LAC_SHARED), [imm(7), imm(7)]);
      b.special('%laneid');
      b.inPrologue(() => b.op('mov.b32', imm(9)));
    });
    b.exec('trap');
    expect(textOf(b)).toEqual([
      'mov.u32 %r0, %tid.x;',
      'mov.u32 %r2, %laneid;',
      'mov.b32 %r3, 9;',
      'setp.lt.s32 %p0, %r0, 4;',
      'mov.b32 %r1, 7;',
      '@!%p0 st.shared.v2.b32 [lac_shared], {%r1, %r1};',
      'trap;',
    ]);
  });

  test('special registers are read once, at the top', () => {
    const b = ampere();
    b.op('mov.b32', imm(1));
    expect(b.special('%ctaid.x')).toBe(b.special('%ctaid.x'));
    expect(textOf(b)).toEqual(['mov.u32 %r1, %ctaid.x;', 'mov.b32 %r0, 1;']);
  });

  test('loops: labels are unique, branches may be guarded', () => {
    const b = ampere();
    const [i, p] = [b.reg('b32'), b.reg('pred')];
    const [loop, end] = [b.newLabel('loop'), b.newLabel('loop')];
    b.into('mov.b32', i, imm(0));
    b.place(loop);
    b.into('setp.ge.s32', p, i, imm(4));
    b.branch(end, p);
    b.into('add.s32', i, i, imm(1));
    b.branch(loop);
    b.place(end);
    expect(textOf(b)).toEqual([
      'mov.b32 %r0, 0;',
      '$L0_loop:',
      'setp.ge.s32 %p0, %r0, 4;',
      '@%p0 bra $L1_loop;',
      'add.s32 %r0, %r0, 1;',
      'bra $L0_loop;',
      '$L1_loop:',
    ]);
  });
});

describe('our mistakes are Bugs', () => {
  const cases: readonly [string, RegExp, (b: PtxBuilder) => unknown][] = [
    [
      'an instruction newer than the target',
      /sm_80 does not have stmatrix/,
      (b) => b.exec('stmatrix.sync.aligned.m8n8.x2.shared.b16', at(LAC_SHARED), [imm(0), imm(0)]),
    ],
    [
      'an instruction of one architecture',
      /sm_80 does not have setmaxnreg/,
      (b) => b.exec('setmaxnreg.inc.sync.aligned.u32', imm(240)),
    ],
    [
      'a source of the wrong class',
      /add.s32: a b64 register instead of a b32/,
      (b) => b.op('add.s32', b.reg('b64'), imm(0)),
    ],
    [
      'a destination of the wrong class',
      /a pred register instead of a b32/,
      (b) => b.into('mov.b32', b.reg('pred'), imm(0)),
    ],
    [
      'too few destinations',
      /operands of ld.shared.v2.b32/,
      (b) => b.into('ld.shared.v2.b32', b.reg('b32'), at(LAC_SHARED)),
    ],
    [
      'a register of another builder',
      /of another builder/,
      (b) => {
        const other = ampere();
        other.reg('b32');
        return b.op('neg.s32', other.reg('b32'));
      },
    ],
    [
      'a vector of the wrong length',
      /a vector of 2 as b32x4/,
      (b) => b.exec('st.shared.v4.b32', at(LAC_SHARED), [imm(0), imm(0)]),
    ],
    ['an integer as a float', /the immediate 1 as f32/, (b) => b.op('mul.f32', b.reg('b32'), imm(1))],
    ['a float as an integer', /the immediate 1 as s32/, (b) => b.op('add.s32', b.reg('b32'), f32(1))],
    ['an immediate that is too large', /the immediate 4294967296 as s32/, (b) => b.op('neg.s32', imm(2 ** 32))],
    ['an immediate that is no integer', /the immediate 0.5 as word/, (b) => b.op('mov.b32', imm(0.5))],
    ['a truth value that is neither', /the immediate -1 as pred/, (b) => b.op('not.pred', imm(-1))],
    [
      'a register where only an immediate may be',
      /a b32 register as int/,
      (b) => b.op('lop3.b32', imm(0), imm(0), imm(0), b.reg('b32') as never),
    ],
    [
      'a global address in a 32-bit register',
      /a b32 register instead of a b64/,
      (b) => b.op('ld.global.b32', at(b.reg('b32'))),
    ],
    ['an unknown shared variable', /an address as shared/, (b) => b.op('ld.shared.b32', at('other'))],
    ['an offset beyond 32 bits', /an address as shared/, (b) => b.op('ld.shared.b32', at(LAC_SHARED, 2 ** 31))],
    [
      'nested guards',
      /cannot be nested/,
      (b) => {
        const p = b.reg('pred');
        b.when(p, false, () => b.when(p, false, () => b.exec('trap')));
      },
    ],
    ['a label under a guard', /under a guard/, (b) => b.when(b.reg('pred'), false, () => b.place(b.newLabel('x')))],
    ['a guard that is no predicate', /instead of a pred register/, (b) => b.when(b.reg('b32'), false, () => {})],
  ];
  test.each(cases)('%s', (_, message, write) => {
    expect(() => write(ampere())).toThrow(Bug);
    expect(() => write(ampere())).toThrow(message);
  });

  const whole: readonly [string, RegExp, (b: PtxBuilder) => unknown][] = [
    ['a register that nothing writes', /never written: %r0/, (b) => b.op('neg.s32', b.reg('b32'))],
    ['a guard that nothing writes', /never written: %p0/, (b) => b.when(b.reg('pred'), false, () => b.exec('trap'))],
    ['a label that is nowhere', /label \$L0_x is not placed/, (b) => b.branch(b.newLabel('x'))],
    [
      'a label in two places',
      /\$L0_x is placed twice/,
      (b) => {
        const label = b.newLabel('x');
        b.place(label);
        b.place(label);
      },
    ],
    ['an unknown parameter', /unknown name: b1/, (b) => b.op('ld.param.b64', at('b1'))],
  ];
  test.each(whole)('of a whole body: %s', (_, message, write) => {
    const b = ampere();
    write(b);
    expect(() => textOf(b)).toThrow(Bug);
    expect(() => textOf(b)).toThrow(message);
  });

  test('names, number and shape of operands are checked by the type checker', () => {
    const wrong = (b: PtxBuilder): void => {
      // @ts-expect-error no such instruction
      b.op('add.s31', imm(0), imm(0));
      // @ts-expect-error too few operands
      b.op('add.s32', imm(0));
      // @ts-expect-error an address where a value is read
      b.op('add.s32', imm(0), at(LAC_SHARED));
      // @ts-expect-error a value where an address is read
      b.op('ld.shared.b32', imm(0));
      // @ts-expect-error several destinations
      b.op('ld.shared.v2.b32', at(LAC_SHARED));
      // @ts-expect-error no destination
      b.op('bar.sync', imm(0));
      // @ts-expect-error a scalar where a vector is read
      b.exec('st.shared.v2.b32', at(LAC_SHARED), imm(0));
    };
    expect(() => wrong(ampere())).toThrow();
  });
});

import { describe, expect, test } from 'vitest';
import { emulate, GlobalMemory, parsePtx } from '../../../backends/ptx/emulator/index.js';
import { fromBits16, toBits16 } from '../../../compiler/ops/round.js';
import { launch, moduleText } from './launch.js';
import { blockSum, matrixProduct, pipelined, transposition, vectorAdd } from './listings.js';

const ramp = (n: number, f = (i: number) => i): Float32Array => Float32Array.from({ length: n }, (_, i) => f(i));

describe('hand-written kernels', () => {
  test('vector add over several CTAs with a ragged end', () => {
    const [a, b, c] = [ramp(1000), ramp(1000, (i) => 0.5 * i), new Float32Array(1000)];
    launch(vectorAdd(1000), { a, b, c }, { threads: 128, ctas: 8 });
    expect(c).toEqual(ramp(1000, (i) => 1.5 * i));
  });

  test('transposition through swizzled shared memory, without bank conflicts', () => {
    const [x, y] = [Int32Array.from({ length: 1024 }, (_, i) => i), new Int32Array(1024)];
    const counters = launch(transposition, { x, y }, { threads: 1024, sharedBytes: 4096, checks: { counters: true } });
    expect(y).toEqual(Int32Array.from({ length: 1024 }, (_, i) => 32 * (i % 32) + (i >> 5)));
    expect(counters?.sharedWavefronts).toEqual({ 'st.shared': 32, 'ld.shared': 32 });
    expect(counters?.globalSectors).toEqual({ 'ld.global': 128, 'st.global': 128 });
    expect(counters?.instructions.barrier).toBe(32);
  });

  test('transposition without the swizzle: 32 wavefronts for each column read', () => {
    const plain = transposition
      .replace('xor.b32 %r5, %r1, %r2;', 'mov.b32 %r5, %r2;')
      .replace('add.u32 %r9, %r9, %r7;', 'shl.b32 %r7, %r1, 2;\n  add.u32 %r9, %r9, %r7;');
    const [x, y] = [Int32Array.from({ length: 1024 }, (_, i) => i), new Int32Array(1024)];
    const counters = launch(plain, { x, y }, { threads: 1024, sharedBytes: 4096, checks: { counters: true } });
    expect(y).toEqual(Int32Array.from({ length: 1024 }, (_, i) => 32 * (i % 32) + (i >> 5)));
    expect(counters?.sharedWavefronts).toEqual({ 'st.shared': 32, 'ld.shared': 1024 });
    expect(counters?.sharedIdeal).toEqual({ 'st.shared': 32, 'ld.shared': 32 });
  });

  test('block sum by shuffles, a divergent end and a loop', () => {
    const [x, y] = [ramp(256), new Float32Array(1)];
    launch(blockSum(256), { x, y }, { threads: 256, sharedBytes: 32 });
    expect(y[0]).toBe((255 * 256) / 2);
  });

  test.each([1, 2, 5])('double buffering with asynchronous copies, %i blocks', (blocks) => {
    const [x, y] = [ramp(64 * blocks), new Float32Array(64)];
    launch(pipelined(blocks), { x, y }, { threads: 64, sharedBytes: 512 });
    expect(y).toEqual(
      ramp(64, (t) => {
        let sum = 0;
        for (let i = 0; i < blocks; i++) sum += 64 * i + ((t + 32) % 64);
        return sum;
      }),
    );
  });

  test('a bf16 product through ldmatrix and mma', () => {
    const bits = (f: (i: number) => number) => Uint16Array.from({ length: 256 }, (_, i) => toBits16('bf16', f(i)));
    const [a, b, d] = [
      bits((i) => ((i * 37) % 23) / 8 - 1),
      bits((i) => ((i * 29) % 19) / 16 - 0.5),
      new Float32Array(256),
    ];
    launch(matrixProduct, { a, b, d }, { sharedBytes: 1024 });
    const at = (m: Uint16Array, r: number, c: number) => fromBits16('bf16', m[16 * r + c] ?? 0);
    for (let r = 0; r < 16; r++)
      for (let c = 0; c < 16; c++) {
        let sum = 0;
        for (let k = 0; k < 16; k++) sum += at(a, r, k) * at(b, c, k);
        expect(d[16 * r + c]).toBe(Math.fround(sum));
      }
  });
});

describe('control flow', () => {
  test('lanes with different trip counts, nested branches, reconvergence for a shuffle', () => {
    const y = new Int32Array(32);
    launch(
      `ld.param.b64 %d0, [y];
       mov.u32 %r0, %laneid;
       mov.b32 %r1, 0;
       mov.b32 %r2, 0;
     $loop:
       setp.ge.s32 %p1, %r1, %r0;
       @%p1 bra $out;
       and.b32 %r3, %r1, 1;
       setp.eq.s32 %p2, %r3, 0;
       @%p2 bra $even;
       add.s32 %r2, %r2, 10;
       bra $next;
     $even:
       add.s32 %r2, %r2, 1;
     $next:
       add.s32 %r1, %r1, 1;
       bra $loop;
     $out:
       shfl.sync.down.b32 %r4|%p3, %r2, 1, 31, 0xffffffff;
       selp.b32 %r4, %r4, -1, %p3;
       mul.wide.u32 %d1, %r0, 4;
       add.s64 %d0, %d0, %d1;
       st.global.b32 [%d0], %r4;`,
      { y },
    );
    const count = (l: number) => Math.ceil(l / 2) + 10 * Math.floor(l / 2);
    expect([...y]).toEqual(Array.from({ length: 32 }, (_, l) => (l === 31 ? -1 : count(l + 1))));
  });

  test('lanes that end early, a last warp that is not full, special registers', () => {
    const y = new Uint32Array(40 * 2);
    launch(
      `ld.param.b64 %d0, [y];
       mov.u32 %r0, %tid.x;
       mov.u32 %r1, %ctaid.x;
       mov.u32 %r2, %lanemask_le;
       mad.lo.u32 %r3, %r1, 40, %r0;
       mul.wide.u32 %d1, %r3, 4;
       add.s64 %d0, %d0, %d1;
       and.b32 %r4, %r0, 1;
       setp.ne.u32 %p1, %r4, 0;
       @%p1 exit;
       popc.b32 %r2, %r2;
       st.global.b32 [%d0], %r2;`,
      { y },
      { threads: 40, ctas: 2 },
    );
    expect([...y]).toEqual(Array.from({ length: 80 }, (_, i) => (i % 2 === 1 ? 0 : ((i % 40) % 32) + 1)));
  });

  test('named barriers: one side arrives, the other waits; ids in registers', () => {
    const y = new Int32Array(32);
    launch(
      `ld.param.b64 %d0, [y];
       mov.u32 %r0, %tid.x;
       shr.u32 %r1, %r0, 5;
       and.b32 %r2, %r0, 31;
       shl.b32 %r3, %r2, 2;
       mov.b32 %r4, lac_shared;
       add.u32 %r4, %r4, %r3;
       mov.b32 %r6, 3;
       setp.eq.u32 %p1, %r1, 0;
       @%p1 bra $consumer;
       st.shared.b32 [%r4], %r0;
       bar.arrive 3, 64;
       bra $end;
     $consumer:
       bar.sync %r6, 64;
       ld.shared.b32 %r5, [%r4];
       mul.wide.u32 %d1, %r2, 4;
       add.s64 %d0, %d0, %d1;
       st.global.b32 [%d0], %r5;
     $end:`,
      { y },
      { threads: 64, sharedBytes: 128 },
    );
    expect([...y]).toEqual(Array.from({ length: 32 }, (_, i) => 32 + i));
  });

  test('atomics of all threads', () => {
    const [y, z] = [new Int32Array(1), new Float32Array(1)];
    launch(
      `ld.param.b64 %d0, [y];
       ld.param.b64 %d1, [z];
       red.global.add.s32 [%d0], 2;
       atom.global.add.f32 %r1, [%d1], 0f3F000000;`,
      { y, z },
      { threads: 64, ctas: 3, watch: true },
    );
    expect([y[0], z[0]]).toEqual([384, 96]);
  });
});

describe('text of other compilers', () => {
  test('debug sections, inlined places, nested scopes, pragmas, both kinds of comments', () => {
    const text = `${moduleText(
      `/* a
          comment */
       .loc 1 3 4, function_name $info+7, inlined_at 1 9 2
       ld.param.u64 %d0, [y];
       .pragma "nounroll";
       { .reg .b32 t, %r1<3>; mov.b32 t, 5; mov.b32 %r12, t; st.global.u32 [%d0+-0], %r12; }`,
      ['y'],
    )}
    .section .debug_str
    {
    $info:
    .b8 95,90
    }`;
    const memory = new GlobalMemory();
    const y = new Uint32Array(1);
    const params = new Uint8Array(new BigUint64Array([memory.add('y', y.buffer, 4)]).buffer);
    emulate(parsePtx(text), { entry: 'k', grid: [1, 1, 1], block: [1, 1, 1], sharedBytes: 0, params, memory });
    expect(y[0]).toBe(5);
  });
});

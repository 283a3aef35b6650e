/** Hand-written kernels in PTX, as nvcc or a person would write them, with places where tests break them. */
import { prologue } from './launch.js';

/** c[i] = a[i] + b[i] for i < n; one element a thread. %r3: the thread of the grid. */
export const vectorAdd = (n: number): string => `
  ${prologue('a', 'b', 'c')}
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mad.lo.s32 %r3, %r1, %r2, %r0;
  setp.ge.s32 %p1, %r3, ${n};
  @%p1 bra $done;
  mul.wide.s32 %d3, %r3, 4;
  add.s64 %d4, %d0, %d3;
  add.s64 %d5, %d1, %d3;
  add.s64 %d6, %d2, %d3;
  ld.global.f32 %r4, [%d4];
  ld.global.nc.b32 %r5, [%d5];
  add.f32 %r6, %r4, %r5;
  st.global.b32 [%d6], %r6;
$done:
`;

/**
 * y = transpose(x) of 32 x 32 words by 1024 threads through shared memory, rows of 32 words with the word XOR the row:
 * no bank is asked twice. A barrier stands between the halves.
 */
export const transposition = `
  ${prologue('x', 'y')}
  shr.u32 %r1, %r0, 5;
  and.b32 %r2, %r0, 31;
  mul.wide.u32 %d2, %r0, 4;
  add.s64 %d3, %d0, %d2;
  add.s64 %d4, %d1, %d2;
  ld.global.b32 %r3, [%d3];
  mov.b32 %r4, lac_shared;
  xor.b32 %r5, %r1, %r2;
  shl.b32 %r6, %r1, 7;
  shl.b32 %r7, %r5, 2;
  add.u32 %r8, %r6, %r7;
  add.u32 %r8, %r8, %r4;
  st.shared.b32 [%r8], %r3;
  bar.sync 0;
  shl.b32 %r9, %r2, 7;
  add.u32 %r9, %r9, %r7;
  add.u32 %r9, %r9, %r4;
  ld.shared.b32 %r10, [%r9];
  st.global.b32 [%d4], %r10;
`;

/** y[0] = sum of x over one block: shuffles inside of warps, one word a warp through shared memory. */
export const blockSum = (threads: number): string => `
  ${prologue('x', 'y')}
  mul.wide.u32 %d2, %r0, 4;
  add.s64 %d2, %d0, %d2;
  ld.global.f32 %r1, [%d2];
  ${[16, 8, 4, 2, 1]
    .map((m) => `shfl.sync.bfly.b32 %r2, %r1, ${m}, 31, 0xffffffff;\n  add.f32 %r1, %r1, %r2;`)
    .join('\n  ')}
  mov.u32 %r3, %laneid;
  shr.u32 %r4, %r0, 5;
  shl.b32 %r5, %r4, 2;
  mov.b32 %r6, lac_shared;
  add.u32 %r6, %r6, %r5;
  setp.eq.s32 %p1, %r3, 0;
  @%p1 st.shared.b32 [%r6], %r1;
  bar.sync 0;
  setp.ne.s32 %p2, %r0, 0;
  @%p2 bra $end;
  mov.b32 %r7, 0f00000000;
  mov.b32 %r8, 0;
$more:
  shl.b32 %r9, %r8, 2;
  mov.b32 %r10, lac_shared;
  add.u32 %r10, %r10, %r9;
  ld.shared.b32 %r11, [%r10];
  add.f32 %r7, %r7, %r11;
  add.s32 %r8, %r8, 1;
  setp.lt.s32 %p3, %r8, ${threads / 32};
  @%p3 bra $more;
  st.global.b32 [%d1], %r7;
$end:
`;

/**
 * y[t] = sum over i of x[64 i + (t + 32) mod 64], 64 threads, stages slots of 256 bytes filled asynchronously: each thread
 * copies its own word and reads that of another warp.
 */
export const pipelined = (blocks: number, stages = 2, wait = 0): string => `
  ${prologue('x', 'y')}
  mul.wide.u32 %d2, %r0, 4;
  add.s64 %d3, %d0, %d2;
  add.s64 %d4, %d1, %d2;
  mov.b32 %r1, lac_shared;
  shl.b32 %r2, %r0, 2;
  add.u32 %r3, %r1, %r2;
  add.u32 %r4, %r0, 32;
  and.b32 %r4, %r4, 63;
  shl.b32 %r4, %r4, 2;
  add.u32 %r4, %r1, %r4;
  mov.b32 %r5, 0f00000000;
  mov.b32 %r6, 0;
  mov.b32 %r7, 0;
  cp.async.ca.shared.global [%r3], [%d3], 4;
  cp.async.commit_group;
$loop:
  cp.async.wait_group ${wait};
  bar.sync 0;
  add.s32 %r8, %r6, 1;
  add.s32 %r9, %r7, 256;
  setp.eq.s32 %p1, %r9, ${256 * stages};
  selp.b32 %r9, 0, %r9, %p1;
  add.u32 %r10, %r3, %r9;
  mul.wide.u32 %d5, %r8, 256;
  add.s64 %d5, %d3, %d5;
  setp.lt.s32 %p2, %r8, ${blocks};
  @%p2 cp.async.ca.shared.global [%r10], [%d5], 4;
  cp.async.commit_group;
  add.u32 %r11, %r4, %r7;
  ld.shared.b32 %r12, [%r11];
  add.f32 %r5, %r5, %r12;
  mov.b32 %r7, %r9;
  mov.b32 %r6, %r8;
  @%p2 bra $loop;
  st.global.b32 [%d4], %r5;
`;

/**
 * d = a b^T by one warp, bf16: a [16][16] and b [16][16] in rows of 32 bytes; through shared memory, ldmatrix and two
 * products of m16n8k16. d [16][16] f32.
 */
export const matrixProduct = `
  ${prologue('a', 'b', 'd')}
  mov.b32 %r1, lac_shared;
  mul.wide.u32 %d3, %r0, 16;
  add.s64 %d4, %d0, %d3;
  add.s64 %d5, %d1, %d3;
  shl.b32 %r2, %r0, 4;
  add.u32 %r3, %r1, %r2;
  ld.global.v4.b32 {%r10, %r11, %r12, %r13}, [%d4];
  st.shared.v4.b32 [%r3], {%r10, %r11, %r12, %r13};
  ld.global.v4.b32 {%r10, %r11, %r12, %r13}, [%d5];
  st.shared.v4.b32 [%r3+512], {%r10, %r11, %r12, %r13};
  bar.warp.sync 0xffffffff;
  and.b32 %r4, %r0, 15;
  shr.u32 %r5, %r0, 4;
  shl.b32 %r6, %r4, 5;
  shl.b32 %r7, %r5, 4;
  add.u32 %r8, %r6, %r7;
  add.u32 %r8, %r8, %r1;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r20, %r21, %r22, %r23}, [%r8];
  and.b32 %r4, %r0, 7;
  shr.u32 %r5, %r0, 3;
  and.b32 %r6, %r5, 1;
  shr.u32 %r7, %r0, 4;
  shl.b32 %r9, %r7, 3;
  add.u32 %r4, %r4, %r9;
  shl.b32 %r4, %r4, 5;
  shl.b32 %r6, %r6, 4;
  add.u32 %r4, %r4, %r6;
  add.u32 %r4, %r4, %r1;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r24, %r25, %r26, %r27}, [%r4+512];
  mov.b32 %r30, 0f00000000;
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r40, %r41, %r42, %r43}, {%r20, %r21, %r22, %r23}, {%r24, %r25}, {%r30, %r30, %r30, %r30};
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%r44, %r45, %r46, %r47}, {%r20, %r21, %r22, %r23}, {%r26, %r27}, {%r30, %r30, %r30, %r30};
  shr.u32 %r31, %r0, 2;
  and.b32 %r32, %r0, 3;
  shl.b32 %r31, %r31, 6;
  shl.b32 %r32, %r32, 3;
  add.u32 %r31, %r31, %r32;
  cvt.u64.u32 %d6, %r31;
  add.s64 %d6, %d2, %d6;
  st.global.v2.b32 [%d6], {%r40, %r41};
  st.global.v2.b32 [%d6+512], {%r42, %r43};
  st.global.v2.b32 [%d6+32], {%r44, %r45};
  st.global.v2.b32 [%d6+544], {%r46, %r47};
`;

import { describe, expect, test } from 'vitest';
import { parsePtx } from '../../../backends/ptx/emulator/index.js';
import { errorOf, type LaunchOptions, launch, moduleText } from './launch.js';
import { blockSum, matrixProduct, pipelined, transposition, vectorAdd } from './listings.js';

/** The listing with one thing broken; the place must exist. */
function broken(listing: string, what: string | RegExp, by = ''): string {
  const changed = listing.replace(what, by);
  expect(changed).not.toBe(listing);
  return changed;
}

const words = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);

const transpose = (listing: string) =>
  errorOf(() => launch(listing, { x: words(1024), y: words(1024) }, { threads: 1024, sharedBytes: 4096 }));
const sumUp = (listing: string) =>
  errorOf(() => launch(listing, { x: words(256), y: words(1) }, { threads: 256, sharedBytes: 32 }));
const pipeline = (listing: string, sharedBytes = 512) =>
  errorOf(() => launch(listing, { x: words(64 * 4), y: words(64) }, { threads: 64, sharedBytes }));
const multiply = (listing: string) =>
  errorOf(() => launch(listing, { a: words(128), b: words(128), d: words(256) }, { sharedBytes: 1024 }));
const add = (listing: string, options: LaunchOptions = { threads: 128, ctas: 8 }) =>
  errorOf(() => launch(listing, { a: words(1000), b: words(1000), c: words(1000) }, options));

describe('the programs that faults are seeded in have none', () => {
  test('none', () => {
    expect(transpose(transposition)).toBe('no error');
    expect(sumUp(blockSum(256))).toBe('no error');
    expect(pipeline(pipelined(4))).toBe('no error');
    expect(pipeline(pipelined(4, 3), 768)).toBe('no error');
    expect(multiply(matrixProduct)).toBe('no error');
    expect(add(vectorAdd(1000))).toBe('no error');
  });
});

describe('seeded faults in shared memory', () => {
  test('a missing barrier: bytes of a warp that has not run yet were never written', () => {
    expect(transpose(broken(transposition, 'bar.sync 0;'))).toContain('LAC0823');
  });

  test('a missing barrier around a loop: a race, with both places', () => {
    const error = pipeline(broken(pipelined(4), 'bar.sync 0;'));
    expect(error).toMatch(/LAC082[345]/);
  });

  test('a race names both instructions, both threads and the byte', () => {
    const error = errorOf(() =>
      launch(
        `.loc 1 3 7
         mov.u32 %r0, %tid.x;
         st.shared.b32 [lac_shared], %r0;
         .loc 1 9 2
         ld.shared.b32 %r1, [lac_shared];`.replace('st.shared', 'setp.eq.u32 %p1, %r0, 5;\n @%p1 st.shared'),
        {},
        { sharedBytes: 4 },
      ),
    );
    expect(error).toBe(
      'LAC0824: PTX line 18 (kernel.ts:9:2), ld.shared.b32: thread 0 (warp 0, lane 0) of CTA 0,0,0: reads 4 bytes of ' +
        'shared memory; byte 1024 (0 of the dynamic part) was written by thread 5 (warp 0, lane 5) at PTX line 16 ' +
        '(kernel.ts:3:7), and no barrier lies between',
    );
  });

  test('reads that a later write does not wait for', () => {
    const late = `
      mov.u32 %r0, %tid.x;
      shl.b32 %r1, %r0, 2;
      mov.b32 %r2, lac_shared;
      add.u32 %r2, %r2, %r1;
      st.shared.b32 [%r2], %r0;
      bar.sync 0;
      ld.shared.b32 %r3, [lac_shared];
      SYNC
      st.shared.b32 [%r2], %r0;`;
    const run = (sync: string) =>
      errorOf(() => launch(late.replace('SYNC', sync), {}, { threads: 64, sharedBytes: 256 }));
    expect(run('bar.sync 0;')).toBe('no error');
    expect(run('')).toMatch(/LAC0824.*was read by/);
    // Lanes of a warp are ordered, warps are not.
    expect(run('bar.warp.sync 0xffffffff;')).toMatch(/LAC0824.*was read by/);
  });

  test('lanes of a warp are ordered by bar.warp.sync and by nothing else', () => {
    expect(multiply(broken(matrixProduct, 'bar.warp.sync 0xffffffff;'))).toContain('LAC0824');
    const shuffled = broken(
      matrixProduct,
      'bar.warp.sync 0xffffffff;',
      'shfl.sync.idx.b32 %r9, %r9, 0, 31, 0xffffffff;',
    );
    expect(multiply(shuffled)).toContain('LAC0824');
    expect(multiply(broken(matrixProduct, 'bar.warp.sync 0xffffffff;', 'bar.sync 0;'))).toBe('no error');
  });

  test('two lanes that store to one word', () => {
    expect(sumUp(broken(blockSum(256), '@%p1 st.shared', 'st.shared'))).toContain('LAC0824');
  });

  test('a wrong swizzle: other words than were written', () => {
    const [x, y] = [words(1024), words(1024)];
    const wrong = broken(transposition, 'shl.b32 %r9, %r2, 7;', 'xor.b32 %r9, %r2, 1;\n  shl.b32 %r9, %r9, 7;');
    launch(wrong, { x, y }, { threads: 1024, sharedBytes: 4096 });
    expect(y[1]).not.toBe(32);
    // Into rows that no thread writes: never written.
    const outside = broken(transposition, 'shl.b32 %r9, %r2, 7;', 'shl.b32 %r9, %r2, 7;\n  add.u32 %r9, %r9, 128;');
    expect(errorOf(() => launch(outside, { x, y }, { threads: 1024, sharedBytes: 8192 }))).toContain('LAC0823');
  });

  test('less memory than the program uses', () => {
    expect(
      errorOf(() => launch(transposition, { x: words(1024), y: words(1024) }, { threads: 1024, sharedBytes: 4092 })),
    ).toContain('LAC0822');
  });

  test('an address without its base', () => {
    expect(transpose(broken(transposition, 'mov.b32 %r4, lac_shared;', 'mov.b32 %r4, 0;'))).toContain('LAC0822');
  });

  test('memory of an earlier CTA is no memory of this one', () => {
    const listing = `
      mov.u32 %r1, %ctaid.x;
      setp.ne.u32 %p1, %r1, 0;
      @%p1 bra $read;
      st.shared.b32 [lac_shared], %r1;
    $read:
      ld.shared.b32 %r2, [lac_shared];`;
    const run = (ctas: number) => errorOf(() => launch(listing, {}, { threads: 1, ctas, sharedBytes: 4 }));
    expect(run(1)).toBe('no error');
    expect(run(2)).toContain('LAC0823');
  });
});

describe('seeded faults in asynchronous copies', () => {
  test('waiting for one group less', () => {
    expect(pipeline(pipelined(4, 2, 1))).toContain('LAC0825');
  });

  test('no wait', () => {
    expect(pipeline(broken(pipelined(4), /cp.async.wait_group 0;/))).toContain('LAC0825');
  });

  test('a stage too few: the copy goes into the slot that is being read', () => {
    expect(pipeline(pipelined(4, 1))).toMatch(/LAC082[45]/);
  });

  test('copies issued before the barrier that ends the reads of their slot', () => {
    const moved = broken(pipelined(4), 'bar.sync 0;');
    expect(pipeline(broken(moved, 'add.u32 %r11,', 'bar.sync 0;\n  add.u32 %r11,'))).toMatch(/LAC082[45]/);
  });

  test('the wait behind the barrier: other threads know nothing of it', () => {
    const swapped = broken(pipelined(4), /(cp.async.wait_group 0;)\s+(bar.sync 0;)/, '$2\n$1');
    expect(pipeline(swapped)).toMatch(/LAC082[45]/);
  });

  test('a forgotten commit', () => {
    expect(pipeline(broken(pipelined(4), /cp.async.commit_group;\s+\$loop/, '$loop'))).toContain('LAC0825');
  });

  test('a source that is not aligned', () => {
    expect(
      pipeline(broken(pipelined(4), 'add.s64 %d3, %d0, %d2;', 'add.s64 %d3, %d0, %d2;\n  add.s64 %d3, %d3, 2;')),
    ).toContain('LAC0821');
  });

  test('a target that is not aligned', () => {
    const wide = broken(pipelined(4), '[%r3], [%d3], 4;', '[%r3], [%d3], 16;');
    expect(pipeline(wide)).toContain('LAC0821');
  });

  test('sizes that no copy has', () => {
    const run = (copy: string) => errorOf(() => launch(`mov.b32 %r1, lac_shared;\n mov.b64 %d1, 0;\n ${copy}`));
    expect(run('cp.async.cg.shared.global [%r1], [%d1], 8;')).toContain('LAC0421');
    expect(run('cp.async.ca.shared.global [%r1], [%d1], 2;')).toContain('LAC0421');
  });

  test('zero fill: nothing is read where the size is 0, and what is not read need not exist', () => {
    const y = new Uint32Array(8).fill(7);
    const x = words(3);
    launch(
      `ld.param.b64 %d0, [x];
       ld.param.b64 %d1, [y];
       cp.async.cg.shared.global [lac_shared], [%d0], 16, 12;
       add.s64 %d0, %d0, 1024;
       cp.async.cg.shared.global [lac_shared+16], [%d0], 16, 0;
       cp.async.wait_all;
       ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [lac_shared];
       st.global.v4.b32 [%d1], {%r1, %r2, %r3, %r4};
       ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [lac_shared+16];
       st.global.v4.b32 [%d1+16], {%r1, %r2, %r3, %r4};`,
      { x, y },
      { threads: 1, sharedBytes: 32 },
    );
    expect([...y]).toEqual([0, 1, 2, 0, 0, 0, 0, 0]);
  });
});

describe('seeded faults at barriers', () => {
  test('a named barrier that waits for too many threads', () => {
    const error = sumUp(broken(blockSum(256), 'bar.sync 0;', 'setp.lt.u32 %p7, %r0, 128;\n  @%p7 bar.sync 1, 256;'));
    expect(error).toMatch(/LAC0826.*warp 0 waits at barrier 1, PTX line \d+ .*128 of 256 threads.*warp 7 has ended/s);
  });

  test('a named barrier with two counts', () => {
    const two = 'setp.lt.u32 %p7, %r0, 128;\n  @%p7 bar.sync 1, 64;\n  @!%p7 bar.sync 1, 96;';
    expect(sumUp(broken(blockSum(256), 'bar.sync 0;', `bar.sync 0;\n${two.replace('64', '256')}`))).toContain(
      'LAC0827',
    );
  });

  test.each(['bar.sync 16;', 'bar.sync 0, 40;', 'bar.sync 0, 512;', 'bar.sync 0, 0;', 'bar.sync %r0;'])(
    '%s',
    (text) => {
      expect(sumUp(broken(blockSum(256), 'bar.sync 0;', text))).toContain('LAC0827');
    },
  );

  test('a barrier that half of a warp executes', () => {
    expect(sumUp(broken(blockSum(256), 'bar.sync 0;', '@%p1 bar.sync 0;'))).toContain('LAC0827');
    const branch = 'setp.lt.u32 %p7, %r3, 16;\n @%p7 bra $skip;\n bar.sync 0;\n$skip:';
    // Lanes may still come back from further down: only when they have ended is it certain that they do not.
    expect(sumUp(broken(blockSum(256), 'bar.sync 0;', `bar.sync 0;\n ${branch}`))).toContain('LAC0827');
  });

  test('a barrier that one warp never reaches', () => {
    expect(
      sumUp(broken(blockSum(256), 'bar.sync 0;', 'setp.lt.u32 %p7, %r0, 32;\n @%p7 bra $end;\n bar.sync 0;')),
    ).toContain('LAC0826');
  });
});

describe('warp-wide instructions', () => {
  test('ldmatrix and mma of half a warp', () => {
    const half = broken(matrixProduct, 'ldmatrix.sync', 'setp.lt.u32 %p1, %r0, 16;\n  @%p1 ldmatrix.sync');
    expect(multiply(half)).toContain('LAC0828');
    const gone = broken(matrixProduct, 'mma.sync', 'setp.lt.u32 %p1, %r0, 1;\n  @%p1 exit;\n  mma.sync');
    expect(multiply(gone)).toContain('LAC0828');
  });

  test('a shuffle from a lane that does not take part, and a mask that says too much', () => {
    const run = (mask: string) =>
      errorOf(() =>
        launch(`mov.u32 %r0, %laneid;
                setp.lt.u32 %p1, %r0, 16;
                @%p1 shfl.sync.bfly.b32 %r1, %r0, 16, 31, ${mask};`),
      );
    expect(run('0xffffffff')).toContain('LAC0828');
    expect(run('0xffff')).toMatch(/LAC0828.*reads lane 16, which does not take part/);
    expect(run('0xff')).toMatch(/LAC0828.*outside of mask/);
  });

  test('trap', () => {
    expect(errorOf(() => launch('trap;'))).toContain('LAC0828');
  });
});

describe('global memory', () => {
  test('a missing guard', () => {
    const error = add(vectorAdd(1024));
    expect(error).toMatch(
      /LAC0820: PTX line \d+, ld\.global\.f32: thread 104 \(warp 3, lane 8\) of CTA 7,0,0: 4 bytes at 0x1\w{8}, 0 bytes behind the end of a \(4000 bytes\)/,
    );
  });

  test('64-bit addresses made of 32 bits', () => {
    const cut = 'cvt.u32.u64 %r9, %d4;\n  cvt.u64.u32 %d4, %r9;\n  ld.global.f32 %r4';
    expect(add(broken(vectorAdd(1000), 'ld.global.f32 %r4', cut))).toMatch(/LAC0820.*belongs to no buffer/);
  });

  test('a misaligned vector', () => {
    expect(add(broken(vectorAdd(1000), 'ld.global.f32 %r4', 'ld.global.v2.f32 {%r4, %r9}'))).toContain('LAC0821');
  });

  test('two CTAs that store to one place, or one that reads what another stores', () => {
    const watched = { threads: 32, ctas: 4, watch: true };
    expect(add(vectorAdd(1000), watched)).toBe('no error');
    expect(add(broken(vectorAdd(1000), 'mad.lo.s32 %r3, %r1, %r2, %r0;', 'mov.u32 %r3, %r0;'), watched)).toContain(
      'LAC0803',
    );
    const feedback = broken(
      vectorAdd(1000),
      'ld.global.f32 %r4, [%d4];',
      'and.b32 %r4, %r1, 1;\n ld.global.f32 %r4, [%d2+128];',
    );
    expect(add(feedback, watched)).toContain('LAC0804');
  });
});

describe('launches and limits', () => {
  test('a loop without end', () => {
    expect(errorOf(() => launch('$l: bra $l;', {}, { checks: { maxInstructions: 1000 } }))).toContain('LAC0809');
  });

  test('a block larger than .maxntid', () => {
    expect(errorOf(() => launch('ret;', {}, { threads: 1056 }))).toContain('LAC0829');
  });

  test('instructions, modifiers, operands that it does not run', () => {
    for (const text of [
      'wgmma.fence.sync.aligned;',
      'add.rz.f32 %r1, %r2, %r3;',
      'add.f64 %d1, %d2, %d3;',
      'add.s32 %r1, %r2;',
      'add.s32 %r1, %r2, %d3;',
      'add.f32 %r1, %r2, 1;',
      'ld.b32 %r1, [%d1];',
      'ld.global.b32 %r1, [%r2];',
      'ld.shared.v4.b64 {%d1, %d2, %d3, %d4}, [lac_shared];',
      'cvt.rz.f16.f32 %h1, %r1;',
      'setp.foo.s32 %p1, %r1, %r2;',
      'bar.warp.sync 1;',
    ])
      expect(
        errorOf(() => launch(text)),
        text,
      ).toContain('LAC0421');
  });

  test('text that is no PTX, with the line', () => {
    const cases: readonly [string, RegExp][] = [
      ['add.s32 %r1 %r2, %r3;', /LAC0420: PTX line 13: expected `;`, found `%r2`/],
      ['add.s32 %r1, %r2, %q3;', /no error/],
      ['add.s32 %r1, %r2, name;', /LAC0420: PTX line 13: name is not declared/],
      ['@%r1 ret;', /LAC0420: PTX line 13: %r1 is no predicate/],
      ['$a: $a: ret;', /LAC0420: PTX line 13: label \$a is there twice/],
      ['.reg .b128 %w;', /LAC0421: PTX line 13: type \.b128/],
      ['.reg .b32 %w<999999999>;', /LAC0420.*too many registers/],
      ['"', /LAC0420: PTX line 13: unexpected character/],
      ['{'.repeat(100), /LAC0420.*nested too deeply/],
    ];
    for (const [text, message] of cases)
      expect(
        errorOf(() => parsePtx(moduleText(text))),
        text,
      ).toMatch(message);
    expect(errorOf(() => launch('add.s32 %r1, %r2, %q3;'))).toContain('LAC0421');
  });
});

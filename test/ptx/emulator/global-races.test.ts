import { describe, expect, test } from 'vitest';
import { errorOf, launch, prologue } from './launch.js';

const words = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);

/** Own element, and that of the thread `by` further on, of the buffer x. */
const places = (threads: number, by: number): string => `${prologue('x')}
  mul.wide.u32 %d1, %r0, 4;
  add.s64 %d1, %d0, %d1;
  add.u32 %r1, %r0, ${by};
  and.b32 %r1, %r1, ${threads - 1};
  mul.wide.u32 %d2, %r1, 4;
  add.s64 %d2, %d0, %d2;`;

/** The code with `by` threads between own place and the other one; what is wrong with it. */
function run(code: string, { threads = 64, by = 32, ctas = 1 } = {}): string {
  const x = words(threads);
  return errorOf(() => launch(`${places(threads, by)}\n${code}`, { x }, { threads, ctas, watch: true }));
}

const OWN = {
  load: 'ld.global.b32 %r3, [%d1];',
  store: 'st.global.b32 [%d1], %r0;',
  add: 'red.global.add.u32 [%d1], 1;',
};
const OTHER = {
  load: 'ld.global.b32 %r4, [%d2];',
  store: 'st.global.b32 [%d2], %r0;',
  add: 'red.global.add.u32 [%d2], 1;',
};
type Kind = keyof typeof OWN;
const KINDS: readonly Kind[] = ['load', 'store', 'add'];
const PAIRS = KINDS.flatMap((a) => KINDS.map((b): [Kind, Kind] => [a, b]));
const harmless = (a: Kind, b: Kind): boolean => a === b && a !== 'store';

describe('two threads of a program at one place of global memory', () => {
  test.each(PAIRS)(
    '%s, then %s by another warp: a barrier of the block orders them, one of the warp does not',
    (a, b) => {
      const expected = harmless(a, b) ? /^no error$/ : /LAC0830/;
      expect(run(`${OWN[a]}\n${OTHER[b]}`)).toMatch(expected);
      expect(run(`${OWN[a]}\nbar.warp.sync 0xffffffff;\n${OTHER[b]}`)).toMatch(expected);
      expect(run(`${OWN[a]}\nbar.sync 0;\n${OTHER[b]}`)).toBe('no error');
      // Its own place is in order always.
      expect(run(`${OWN[a]}\n${OWN[b]}`)).toBe('no error');
    },
  );

  test.each(PAIRS)('%s, then %s by another lane: a barrier of the warp orders them', (a, b) => {
    const lanes = { threads: 32, by: 1 };
    expect(run(`${OWN[a]}\n${OTHER[b]}`, lanes)).toMatch(harmless(a, b) ? /^no error$/ : /LAC0830/);
    expect(run(`${OWN[a]}\nbar.warp.sync 0xffffffff;\n${OTHER[b]}`, lanes)).toBe('no error');
  });

  test('what several warps have read waits for all of them', () => {
    const first = `ld.global.b32 %r3, [%d0];`;
    const third = `setp.eq.u32 %p1, %r0, 64;\n`;
    const some = { threads: 128 };
    expect(run(`${first}\nbar.sync 0;\n${third}@%p1 st.global.b32 [%d0], %r0;`, some)).toBe('no error');
    // Warps 0 and 2 meet; 1 and 3 meet on their own.
    const pairs = `shr.u32 %r5, %r0, 5;\nand.b32 %r5, %r5, 1;\nadd.u32 %r5, %r5, 1;\nbar.sync %r5, 64;`;
    expect(run(`${first}\n${pairs}\n${third}@%p1 st.global.b32 [%d0], %r0;`, some)).toMatch(/LAC0830.*was read by/);
    // Only warps that have met it read.
    const even = `and.b32 %r6, %r0, 32;\nsetp.eq.u32 %p2, %r6, 0;\n@%p2 ${first}`;
    expect(run(`${even}\n${pairs}\n${third}@%p1 st.global.b32 [%d0], %r0;`, some)).toBe('no error');
  });

  test('the report names the byte, both threads and both places', () => {
    expect(run(`.loc 1 3 7\n${OWN.add}\n.loc 1 9 2\n${OTHER.store}`)).toMatch(
      /^LAC0830: PTX line \d+ \(kernel\.ts:3:7\), red\.global\.add\.u32: thread 32 .*: adds to byte 128 of x, which was written by thread 0 \(warp 0, lane 0\) at PTX line \d+ \(kernel\.ts:9:2\), and no barrier lies between$/,
    );
  });
});

describe('two programs at one place of global memory', () => {
  test.each(PAIRS)('%s and %s', (a, b) => {
    const half = `setp.eq.u32 %p1, %r7, 0;\n@%p1 ${OWN[a]}\n@!%p1 ${OWN[b]}`;
    const code = a === 'store' || b === 'store' ? (a === 'load' || b === 'load' ? /LAC0804/ : /LAC0803/) : /LAC0804/;
    const found = run(`mov.u32 %r7, %ctaid.x;\n${half}`, { ctas: 2 });
    expect(found).toMatch(harmless(a, b) ? /^no error$/ : code);
  });

  test('many may add to an element; nobody may load it then', () => {
    expect(
      run(`mov.u32 %r7, %ctaid.x;\nsetp.lt.u32 %p1, %r7, 3;\n@%p1 ${OWN.add}\n@!%p1 ${OWN.load}`, { ctas: 4 }),
    ).toMatch(/LAC0804.*another CTA adds to/);
  });
});

test('halves of a word may have two writers', () => {
  const code = `${prologue('x')}
  mul.wide.u32 %d1, %r0, 2;
  add.s64 %d1, %d0, %d1;
  cvt.u16.u32 %h1, %r0;
  st.global.b16 [%d1], %h1;`;
  const x = new Uint16Array(64);
  launch(code, { x }, { threads: 64, watch: true });
  expect([...x]).toEqual([...Array(64).keys()]);
});

test('atomic additions of f32 take subnormal numbers for zeros', () => {
  const [tiny, least] = [2 ** -130, 2 ** -126];
  const x = Float32Array.of(tiny, -tiny, least, 1);
  const y = Float32Array.of(least, tiny, -1.5 * least, tiny);
  const code = `${prologue('x', 'y')}
  mul.wide.u32 %d2, %r0, 4;
  add.s64 %d0, %d0, %d2;
  add.s64 %d1, %d1, %d2;
  setp.lt.u32 %p1, %r0, 4;
  @%p1 ld.global.b32 %r1, [%d1];
  @%p1 red.global.add.f32 [%d0], %r1;`;
  launch(code, { x, y });
  expect([...x]).toEqual([least, 0, -0, 1]);
});

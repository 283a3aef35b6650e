/**
 * The emulator computes approximating instructions to the last bit; a GPU need not. This moves their results by the most
 * that the PTX ISA allows them to be wrong (9.7.3), so that bounds hold with it.
 */

/** In ulp of the result, rounded up: 2^-22.9 and 2^-23 are 2.2 and 2 ulp where the significand is close to 2. */
const ULPS: Readonly<Record<string, number>> = {
  'ex2.approx.ftz.f32': 2,
  'rcp.approx.f32': 1,
  'rsqrt.approx.f32': 2,
  'sqrt.approx.f32': 1,
  'div.full.f32': 2,
};

/** The program with every result of an approximation moved: all up, all down, or in turns by instruction. */
export function withHardwareErrors(ptx: string, direction: (n: number) => 1 | -1): string {
  let n = 0;
  const lines = ptx.split('\n').flatMap((line) => {
    const [, name = '', dst] = /^\s*([a-z0-9.]+)\s+(%\w+)\s*,/.exec(line) ?? [];
    if (!name.includes('.approx') && !name.includes('.full')) return [line];
    const ulps = ULPS[name];
    if (ulps === undefined) throw new Error(`no error bound of ${name} here`);
    return [
      line,
      `and.b32 %moved0, ${dst}, 0x7fffffff;`,
      // Normal numbers that stay normal.
      'sub.s32 %moved0, %moved0, 0x00800010;',
      'setp.lt.u32 %movable0, %moved0, 0x7effffe0;',
      `@%movable0 add.s32 ${dst}, ${dst}, ${ulps * direction(n++)};`,
    ];
  });
  const body = lines.findIndex((line) => line.trim() === '{');
  lines.splice(body + 1, 0, '.reg .b32 %moved<1>;', '.reg .pred %movable<1>;');
  return lines.join('\n');
}

export const DIRECTIONS: readonly ((n: number) => 1 | -1)[] = [
  () => 1,
  () => -1,
  (n) => (n % 2 === 0 ? 1 : -1),
  (n) => (n % 2 === 0 ? -1 : 1),
];

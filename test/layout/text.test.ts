import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as lay from '../../compiler/layout/index.js';
import { layouts, shapes } from './arbitrary.js';

const anyLayout = layouts(shapes(4), lay.IN_DIMS, 3);

test('parse(print(layout)) is the layout', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      const text = lay.layoutText(l);
      expect(lay.parseLayout(text, l.shape)).toEqual(l);
      expect(lay.layoutText(lay.parseLayout(`  ${text}\n`, l.shape) as lay.Layout)).toBe(text);
    }),
  );
});

test('the form is that of the notes', () => {
  const l = lay.blockedLayout({ shape: [64, 128], vector: 4, threads: 32 });
  expect(lay.layoutText(l)).toBe('reg[c1 c2 r1 r2 r4 r8 r16 r32] inv[c4 c8 c16 c32 c64]');
  const warps = lay.makeLayout([64, 128], { warp: [48 * 128 + 64, 0] });
  expect(lay.layoutText(warps)).toBe('warp[r48c64 0]');
  expect(lay.layoutText(lay.makeLayout([], { register: [], invocation: [0] }))).toBe('reg[] inv[0]');
});

test('what is no layout is told apart, and never throws', () => {
  const shape = [8, 8];
  expect(lay.parseLayout('reg[c8]', shape)).toMatch(/outside of extent 8/);
  expect(lay.parseLayout('reg[p1]', shape)).toMatch(/axis p/);
  expect(lay.parseLayout('reg[c1c2]', shape)).toMatch(/named twice/);
  expect(lay.parseLayout('reg[x1]', shape)).toMatch(/no basis/);
  expect(lay.parseLayout('reg[c1] reg[c2]', shape)).toMatch(/given twice/);
  expect(lay.parseLayout('reg[c1', shape)).toMatch(/expected reg/);
  expect(lay.parseLayout(`reg[${'0 '.repeat(31)}]`, shape)).toMatch(/at most 30/);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^(reg|lane|inv|\[|\]| |[cr0-9])*$/)), (text) => {
      lay.parseLayout(text, shape);
    }),
  );
});

test('the picture has a cell for each element and names holders', () => {
  fc.assert(
    fc.property(anyLayout, (l) => {
      const svg = lay.layoutSvg(l);
      expect(svg.match(/<rect/g)?.length).toBe(2 ** lay.tileBits(l.shape));
    }),
    { numRuns: 30 },
  );
  const svg = lay.layoutSvg(lay.makeLayout([4], { register: [1], invocation: [2, 0] }));
  expect(svg).toContain('<text x="70" y="11">t1</text><text x="70" y="21">r0</text><text x="70" y="31">x2</text>');
  const warps = lay.layoutSvg(lay.makeLayout([8], { lane: [1, 2], warp: [4] }));
  expect(warps).toContain('<text x="240" y="11">t7</text>');
  expect(lay.layoutSvg(lay.makeLayout([128, 128], { register: [1] }))).toContain('first 64 rows and 64 columns');
});

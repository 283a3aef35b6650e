import { offsetWidths } from '../../compiler/passes/offset-widths.js';
import { padTiles } from '../../compiler/passes/pad-tiles.js';
import { proveBounds } from '../../compiler/passes/prove-bounds.js';
import { specialise } from '../../compiler/passes/specialise.js';
import { CONTEXT, textCases } from './text-cases.js';

textCases(specialise, () => ({ ...CONTEXT, grid: { h: 'H', e: ['cdiv', 'E', 'BE'] } }));
textCases(padTiles);
textCases(proveBounds, (title) => ({
  ...CONTEXT,
  grid: { e: ['cdiv', 'E', 'BE'], h: 'H', m: ['cdiv', 'N', 'BM'] },
  ...(title.startsWith('promised') ? { divisible: { N: 64 } } : {}),
}));
textCases(offsetWidths, (title) =>
  title.startsWith('without') ? { ...CONTEXT, maxStorageElements: 2 ** 40 } : CONTEXT,
);

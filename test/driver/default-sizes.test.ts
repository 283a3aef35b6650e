import { describe, expect, it } from 'vitest';
import { settle } from '../../driver/preflight.js';
import { type Reference, withDefaults } from '../../driver/reference.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import { kernelOf } from '../kernels/session.js';
import { codesOf } from './codes-of.js';

describe('sizes of a reference', () => {
  it('follow from those that are given, from its own, and from those declared before', () => {
    const shape: Reference['shape'] = {
      HK: ({ H = 0 }) => H,
      R: ({ H = 0, HK = 0 }) => H / HK,
      H: 4,
      N: 10,
    };
    expect(withDefaults(shape, {})).toEqual({ HK: 4, R: 1, H: 4, N: 10 });
    expect(withDefaults(shape, { H: 16 })).toEqual({ HK: 16, R: 1, H: 16, N: 10 });
    expect(withDefaults(shape, { H: 16, HK: 2 })).toEqual({ HK: 2, R: 8, H: 16, N: 10 });
  });

  const decl = kernelOf('kernels/lightning/forward.ts', 'lightningFwd');

  it('give a run as many heads of keys as of queries', () => {
    expect(settle({ decl, reference: lightningFwd, dims: { H: 16 } }).dims).toMatchObject({ H: 16, HK: 16 });
    expect(settle({ decl, reference: lightningFwd, dims: { H: 16, HK: 4 } }).dims).toMatchObject({ H: 16, HK: 4 });
  });

  it('are whole numbers, or LAC0910 says which is not', async () => {
    const reference: Reference = { ...lightningFwd, shape: { ...lightningFwd.shape, HK: ({ X = Number.NaN }) => X } };
    expect(await codesOf(new Promise(() => settle({ decl, reference })))).toEqual(['LAC0910']);
  });
});

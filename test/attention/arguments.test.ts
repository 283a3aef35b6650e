import { describe, expect, test } from 'vitest';
import { type ForwardArgs, LacError, lightningAttention } from '../../index.js';
import type { Tensor } from '../../runtime/index.js';
import { devices } from '../kernels/session.js';

const on = devices('rounding', 'exact');
const [B, H, N, D, E] = [2, 4, 5, 3, 6];

const f32 = (...shape: number[]): Tensor<'f32'> => on.rounding.empty('f32', shape);
const given = (): ForwardArgs<'f32', false> => ({
  q: f32(B, H, N, D),
  k: f32(B, 2, N, D),
  v: f32(B, 2, N, E),
  slope: f32(H),
});

/** The code and the text of what a call throws. */
async function thrown(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error('nothing was thrown'),
    (e: unknown) => e,
  );
  if (!(error instanceof LacError)) throw error;
  return error.message;
}

const refused = (more: object): Promise<string> =>
  thrown(lightningAttention(on.rounding, { ...given(), ...more } as ForwardArgs<'f32', false>));

describe('what is wrong with a call is said before anything is launched', () => {
  test('names, missing ones and nulls', async () => {
    expect(await refused({ slopes: f32(H) })).toMatch(/^LAC0601: lightningAttention: no argument is named slopes/);
    expect(await refused({ k: undefined })).toMatch(/^LAC0602: lightningAttention: argument k is missing/);
    expect(await refused({ v: null })).toMatch(/^LAC0602: lightningAttention: argument v is null/);
    expect(await refused({ q: [1, 2] })).toMatch(/^LAC0623/);
  });

  test('shapes, in the order of the caller', async () => {
    const wrong = await refused({ k: f32(B, 2, N, D + 1) });
    expect(wrong).toMatch(/^LAC0605: lightningAttention: D is 3 in q, but 4 in k \(axis 3\)/);
    expect(wrong).toContain('shapes are q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E]');
    expect(await refused({ layout: 'bnhd' })).toMatch(/LAC0605.*but.*in k[\s\S]*q \[B, N, H, D\].*g \[B, N, H\]/);
    expect(await refused({ q: f32(B, H, N) })).toMatch(/^LAC0603: lightningAttention: q has 3 axes/);
    expect(await refused({ slope: f32(H + 1) })).toMatch(/^LAC0605.*H is 4 in q, but 5 in slope/);
    expect(await refused({ h0: f32(B, H, E, D) })).toMatch(/^LAC0605.*D is 3 in q, but 6 in h0/);
    expect(await refused({ o: f32(B, H, N, D) })).toMatch(/^LAC0605.*E is 6 in v, but 3 in o/);
  });

  test('heads of k and v that do not divide those of q', async () => {
    const heads = (HK: number) => refused({ k: f32(B, HK, N, D), v: f32(B, HK, N, E) });
    expect(await heads(3)).toMatch(/^LAC0605.*q has 4 heads, k and v have 3, which does not divide it/);
    expect(await heads(8)).toMatch(/^LAC0605.*which does not divide it/);
    expect(await heads(0)).toMatch(/^LAC0605.*k and v have 0/);
  });

  test('dtypes and devices', async () => {
    expect(await refused({ q: on.rounding.empty('bf16', [B, H, N, D]) })).toMatch(/^LAC0604.*T is bf16 in q/);
    expect(await refused({ slope: on.rounding.empty('bf16', [H]) })).toMatch(/^LAC0604.*slope has dtype bf16/);
    expect(await refused({ slope: on.exact.empty('f32', [H]) })).toMatch(/^LAC0610/);
    const { slope, ...rest } = given();
    slope?.free();
    expect(await thrown(lightningAttention(on.rounding, { ...rest, slope: slope as Tensor<'f32'> }))).toMatch(
      /^LAC0609/,
    );
  });

  test('what excludes each other', async () => {
    expect(await refused({ g: f32(B, H, N) })).toMatch(
      /^LAC0626: lightningAttention: slope and g cannot be given together/,
    );
    const offset = on.rounding.empty('i32', [3]);
    expect(await refused({ offset, layout: 'bhnd' })).toMatch(
      /^LAC0626.*offset and layout.*packed sequences are \[N, H, D\]/,
    );
  });

  test('offsets and states of packed sequences', async () => {
    const packed = (S1: number, S: number) => ({
      q: f32(N, H, D),
      k: f32(N, 2, D),
      v: f32(N, 2, E),
      offset: on.rounding.empty('i32', [S1]),
      h0: f32(S, H, D, E),
    });
    expect(await refused(packed(3, 3))).toMatch(/^LAC0605.*offset has 3 entries, the states are of 3 sequences/);
    expect(await refused({ ...packed(0, 2), h0: null })).toMatch(/^LAC0605.*offset has 0 entries/);
  });

  test('a step without a state, or with tokens', async () => {
    const token = { q: f32(B, H, D), k: f32(B, H, D), v: f32(B, H, E) };
    expect(await thrown(lightningAttention.step(on.rounding, token as never))).toMatch(
      /^LAC0602: lightningAttention.step: argument state/,
    );
    expect(
      await thrown(lightningAttention.step(on.rounding, { ...token, q: f32(B, H, N, D), state: f32(B, H, D, E) })),
    ).toMatch(/^LAC0603/);
  });
});

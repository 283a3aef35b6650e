import fc from 'fast-check';
import type { StoredRow, TuningKey } from '../../store/types.js';

/** A key; what is given replaces its parts. */
export const keyOf = (parts: Partial<TuningKey> = {}): TuningKey => ({
  kernel: 'k',
  hash: 'abc',
  device: 'gpu, driver 12',
  architecture: 'sm_90',
  dtypes: { T: 'bf16' },
  comptime: { D: 128 },
  options: { causal: true },
  sizes: { N: 1024, B: 1 },
  ...parts,
});

export const measured = (C: number, ...ms: number[]): StoredRow => ({
  config: { C },
  state: 'measured',
  samples: { ms: ms.length === 0 ? [1] : ms, how: 'timestamp' },
});

const name = fc.stringMatching(/^[A-Za-z_$][A-Za-z0-9_$]{0,8}$/).filter((n) => n !== '__proto__');
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((t) => !/\p{Cc}/u.test(t));
const few = <T>(value: fc.Arbitrary<T>) => fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true });
const amount = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((x) => x + 0);

export const anyKey: fc.Arbitrary<TuningKey> = fc.record({
  kernel: text,
  hash: text,
  device: text,
  architecture: text,
  dtypes: few(text),
  comptime: few(fc.nat()),
  options: few(fc.oneof(fc.boolean(), fc.integer(), text)),
  sizes: few(fc.nat()),
});

export const anyRow: fc.Arbitrary<StoredRow> = fc
  .record(
    {
      config: few(fc.integer()),
      state: fc.constantFrom('limit', 'wrong', 'crash', 'hang', 'memory', 'lost', 'error'),
      why: text,
      code: text,
      estimateMs: amount,
      resources: fc.record(
        { sharedBytes: amount, threads: amount, programs: amount, registers: amount, spillBytes: amount },
        { requiredKeys: ['sharedBytes', 'threads', 'programs'] },
      ),
      samples: fc.record({
        ms: fc.array(amount, { minLength: 1, maxLength: 5 }),
        how: fc.constantFrom('timestamp', 'host'),
      }),
      rmse: amount,
      compileMs: amount,
      dims: fc.constant({ N: 513, D: 64 }),
    },
    { requiredKeys: ['config', 'state'] },
  )
  .map((row) => (row.samples === undefined ? row : { ...row, state: 'measured' })) as fc.Arbitrary<StoredRow>;

/**
 * Parameters of the tests that come with other implementations, as calls of `lightningFwd`. Their scale of q is left out
 * (errors are relative), and so are lists of sequences, which `lightningPacked` is for.
 */
export interface PublishedCase {
  readonly from: string;
  readonly dtype: 'f32' | 'f16' | 'bf16';
  readonly dims: Readonly<Record<'B' | 'H' | 'N' | 'D' | 'E', number>>;
  readonly options: Readonly<Record<string, boolean>>;
  /** Order of the axes of their tensors, where it is not ours. */
  readonly layout?: Readonly<Record<string, readonly number[]>>;
}

type Sizes = readonly [B: number, H: number, N: number, D: number, E: number];

const ROWS = [0, 2, 1, 3];
const TOKENS_FIRST = { layout: { q: ROWS, k: ROWS, v: ROWS, o: ROWS, g: [0, 2, 1] } };
const STATES = { initialState: true, finalState: true };

const dimsOf = ([B, H, N, D, E]: Sizes): PublishedCase['dims'] => ({ B, H, N, D, E });

/** OpenNLPLab/lightning-attention, tests/ops/test_lightning2.py and test_lightning2_no_decay.py. */
const OFFICIAL: readonly Sizes[] = [
  [6, 8, 256, 128, 64],
  [6, 8, 512, 128, 64],
  [6, 8, 1024, 128, 64],
  [6, 8, 2048, 128, 64],
  [6, 8, 4096, 128, 64],
  [6, 8, 8192, 128, 64],
  [6, 8, 2048, 32, 64],
  [6, 8, 2048, 64, 64],
  [6, 12, 2048, 128, 64],
  [6, 16, 2048, 128, 64],
  [6, 20, 2048, 128, 64],
  [1, 8, 2048, 128, 64],
  [2, 8, 2048, 128, 64],
  [3, 8, 2048, 128, 64],
  [6, 8, 913, 128, 64],
  [6, 8, 513, 128, 64],
  [6, 8, 1213, 128, 64],
  [6, 8, 2048, 16, 64],
];

const official = (): PublishedCase[] =>
  OFFICIAL.flatMap((sizes) =>
    (['bf16', 'f16'] as const).flatMap((dtype) =>
      [{}, { noDecay: true }].map((options) => ({
        ...{ from: 'lightning-attention', dtype, options },
        dims: dimsOf(sizes),
      })),
    ),
  );

/** fla-org/flash-linear-attention, tests/ops/test_simple_gla.py: the products of its lists, and the lists of later versions. */
function simpleGla(): PublishedCase[] {
  const squares = [1, 15, 63, 300].flatMap((N) => [64, 32, 100, 256].map((D): Sizes => [2, 2, N, D, D]));
  const later: readonly Sizes[] = [
    [1, 1, 63, 64, 64],
    [2, 4, 1024, 60, 60],
    [2, 8, 1024, 128, 128],
    [4, 8, 2048, 64, 64],
  ];
  return [...squares, ...later].flatMap((sizes) =>
    (['f32', 'f16'] as const).map((dtype) => ({
      ...{ from: 'fla simple_gla', dtype, ...TOKENS_FIRST },
      ...{ dims: dimsOf(sizes), options: { ...STATES, tokenDecay: true } },
    })),
  );
}

/** tests/ops/test_retention.py: one decay a head, as FLA's lightning_attn, which has no tests of its own. */
const retention = (): PublishedCase[] =>
  [1, 15, 63, 300].flatMap((N) =>
    [64, 32, 100].flatMap((D) =>
      [1, 2].flatMap((ratio) =>
        [{ dtype: 'f16' as const, ...TOKENS_FIRST }, { dtype: 'bf16' as const }].map((kind) => ({
          ...{ from: 'fla retention', ...kind, options: STATES },
          dims: dimsOf([2, 2, N, D, D * ratio]),
        })),
      ),
    ),
  );

/** tests/ops/test_linear_attn.py. */
const linearAttention = (): PublishedCase[] =>
  [64, 128].flatMap((N) =>
    [64, 32, 128].flatMap((D) =>
      (['f32', 'f16', 'bf16'] as const).map((dtype) => ({
        ...{ from: 'fla linear_attn', dtype, ...TOKENS_FIRST, options: { ...STATES, noDecay: true } },
        dims: dimsOf([2, 2, N, D, D]),
      })),
    ),
  );

export const publishedCases = (): readonly PublishedCase[] => [
  ...official(),
  ...simpleGla(),
  ...retention(),
  ...linearAttention(),
];

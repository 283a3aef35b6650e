import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configKey } from '../../../tuner/search/knobs.js';
import type { Row } from '../../../tuner/types.js';
import { answers, type FromChild, readMessage } from '../../../tuner/worker/protocol.js';
import { config } from './children.js';

const row: Row = {
  config: config(8),
  state: 'open',
  why: 'because',
  resources: { sharedBytes: 0, threads: 32, programs: 4, registers: 10, spillBytes: 0 },
  rmse: 1e-6,
  compileMs: 3,
};
const expected = { outputs: { y: new Float64Array(3) }, sizes: { y: 1 } };
const device = { backend: 'interpret', name: 'x', info: {}, limits: {}, notes: [], features: [] };

/** One of each. */
const MESSAGES = [
  { id: 1, stage: 'check' },
  { id: 1, unfit: false, answer: { kind: 'ready', device, known: { dims: { N: 3 }, reduced: expected, full: null } } },
  {
    ...{ id: 2, unfit: true },
    answer: {
      kind: 'prepared',
      row,
      launchMs: 2,
      trusted: { config: config(8), votes: 1, outputs: expected.outputs },
      known: null,
    },
  },
  { id: 3, unfit: false, answer: { kind: 'sampled', results: [row, { ms: [1, 2], how: 'host' }] } },
  { id: 3, unfit: false, answer: { kind: 'sampled', results: null } },
  { id: 4, unfit: false, answer: { kind: 'rechecked', row: null } },
  { id: 5, unfit: false, answer: { kind: 'failed', failure: { message: 'no', diagnostics: [] } } },
];

type Path = readonly (string | number)[];
function* paths(x: unknown, at: Path = []): Generator<Path> {
  if (typeof x !== 'object' || x === null || ArrayBuffer.isView(x)) return;
  for (const [key, value] of Object.entries(x)) {
    yield [...at, key];
    yield* paths(value, [...at, key]);
  }
}

function put(x: unknown, [key, ...rest]: Path, value: unknown): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(x) ? [...x] : { ...(x as object) }) as Record<string | number, unknown>;
  copy[key] = put(copy[key], rest, value);
  return copy;
}

describe('messages of a child', () => {
  test('of every kind are read as they are', () => {
    for (const message of MESSAGES) expect(readMessage(message)).toBe(message);
  });

  test('with something else in any place are none', () => {
    // Fields that say nothing to the parent, or may hold anything.
    const free = /^(answer,device,(info|limits|notes|features)|answer,failure,diagnostics,)/;
    const isFree = (path: string, value: unknown): boolean =>
      free.test(path) ||
      (value === '?' && /(message|name|why|backend)$/.test(path)) ||
      (value === true && path === 'unfit') ||
      // A number may be any number where it is a knob or an error; a list of numbers is one of samples.
      (value === -1.5 && /config|dims|rmse|sizes|compileMs/.test(path)) ||
      (Number.isNaN(value) && /rmse|compileMs/.test(path)) ||
      (Array.isArray(value) && /,(ms|diagnostics)$/.test(path));
    for (const message of MESSAGES)
      for (const path of paths(message))
        for (const value of ['?', Number.NaN, -1.5, true, [0]])
          if (!isFree(path.join(), value))
            expect(readMessage(put(message, path, value)), `${path.join()} = ${value}`).toBe(null);
  });

  test('of any form never throw', () => {
    fc.assert(fc.property(fc.anything(), (x) => readMessage(x) === null));
  });

  test('answer only what they were asked', () => {
    const sample = { kind: 'sample', configs: [config(8), config(16)], count: 1 } as const;
    const answerOf = (i: number) => (MESSAGES[i] as Extract<FromChild, { unfit: boolean }>).answer;
    expect(answers(sample, answerOf(3))).toBe(true);
    expect(answers({ ...sample, configs: [config(8)] }, answerOf(3))).toBe(false);
    expect(answers(sample, answerOf(4))).toBe(true);
    expect(answers(sample, answerOf(5))).toBe(false);
  });
});

test('equal configurations have equal keys', () => {
  expect(configKey({ a: 1, b: 2 })).toBe(configKey({ b: 2, a: 1 }));
  expect(configKey({ a: 1, b: 2 })).not.toBe(configKey({ a: 2, b: 1 }));
});

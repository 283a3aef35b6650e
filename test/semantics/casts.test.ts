import { everyDevice, testLanes } from './lanes.js';
import { row } from './rows.js';

const device = everyDevice();
const [LEAST, MOST, MOST_UNSIGNED] = [-(2 ** 31), 2 ** 31 - 1, 2 ** 32 - 1];

row('cast float -> int', () => {
  testLanes(device, 'truncates and saturates', {
    inputs: {
      f: ['f32', [-2.9, 2.9, 2 ** 31, -(2 ** 31), 3e38, -3e38, 2 ** 32, 4294967040, 0.99, -0.99]],
      h: ['f16', [-2.9, 2.9, 65504, -65504, 0, 0.5, -0.5, 1, 2, 3]],
      b: ['bf16', [-2.9, 2.9, 3e38, -3e38, 0, 0.5, -0.5, 1, 2, 3]],
    },
    table: {
      'cast(f, i32)': ['i32', [-2, 2, MOST, LEAST, MOST, LEAST, MOST, MOST, 0, 0]],
      'cast(f, u32)': ['u32', [0, 2, 2 ** 31, 0, MOST_UNSIGNED, 0, MOST_UNSIGNED, 4294967040, 0, 0]],
      'cast(h, i32)': ['i32', [-2, 2, 65504, -65504, 0, 0, 0, 1, 2, 3]],
      'cast(h, u32)': ['u32', [0, 2, 65504, 0, 0, 0, 0, 1, 2, 3]],
      'cast(b, i32)': ['i32', [-2, 2, MOST, LEAST, 0, 0, 0, 1, 2, 3]],
      'cast(b, u32)': ['u32', [0, 2, MOST_UNSIGNED, 0, 0, 0, 0, 1, 2, 3]],
      // A store converts as cast does.
      f: ['i32', [-2, 2, MOST, LEAST, MOST, LEAST, MOST, MOST, 0, 0]],
      b: ['u32', [0, 2, MOST_UNSIGNED, 0, 0, 0, 0, 1, 2, 3]],
    },
  });

  testLanes(device, 'NaN is 0, infinities are the ends', {
    inputs: {
      f: ['f32', [NaN, Infinity, -Infinity]],
      h: ['f16', [NaN, Infinity, -Infinity]],
      b: ['bf16', [NaN, Infinity, -Infinity]],
    },
    table: {
      'cast(f, i32)': ['i32', [0, MOST, LEAST]],
      'cast(f, u32)': ['u32', [0, MOST_UNSIGNED, 0]],
      'cast(h, i32)': ['i32', [0, MOST, LEAST]],
      'cast(h, u32)': ['u32', [0, MOST_UNSIGNED, 0]],
      'cast(b, i32)': ['i32', [0, MOST, LEAST]],
      'cast(full([3], NaN, f32), i32)': ['i32', [0, 0, 0]],
      'cast(full([3], 1e10, f32), i32)': ['i32', [MOST, MOST, MOST]],
    },
  });
});

row('cast f32 -> f16/bf16', () => {
  const [h, b] = [2 ** -10, 2 ** -7];
  const f = [1 + h / 2, 1 + 1.5 * h, 1 + 0.51 * h, -1 - 0.5 * h, 65519, 2 ** -25, 3 * 2 ** -25].map(Math.fround);
  const g = [1 + b / 2, 1 + 1.5 * b, 1 + 0.51 * b, -1 - 0.5 * b, 3.38e38, 2 ** -126, 0.1].map(Math.fround);
  // In f64 casts between floats change nothing.
  const halves = { exact: f, others: [1, 1 + 2 * h, 1 + h, -1, 65504, 0, 2 ** -23] };
  const brains = { exact: g, others: [1, 1 + 2 * b, 1 + b, -1, 2 ** 127 * (1 + 126 * b), 2 ** -126, 0.10009765625] };
  testLanes(device, 'goes to the nearest, ties to even', {
    inputs: { f: ['f32', f], g: ['f32', g] },
    table: {
      'cast(f, f16)': ['f16', halves],
      'cast(cast(f, f16), f32)': ['f32', halves],
      f: ['f16', halves],
      'cast(g, bf16)': ['bf16', brains],
      'cast(cast(g, bf16), f32)': ['f32', brains],
      g: ['bf16', brains],
    },
  });

  const large = [65520, -1e5, 3.4e38, -3.4e38].map(Math.fround);
  testLanes(device, 'overflows to Infinity', {
    inputs: { f: ['f32', large] },
    table: {
      'cast(f, f16)': ['f16', { exact: large, others: [Infinity, -Infinity, Infinity, -Infinity] }],
      'cast(f, bf16)': ['bf16', { exact: large, others: [65536, -99840, Infinity, -Infinity] }],
    },
  });

  testLanes(device, 'keeps NaN and Infinity', {
    inputs: { f: ['f32', [NaN, Infinity, -Infinity]] },
    table: {
      'cast(f, f16)': ['f16', [NaN, Infinity, -Infinity]],
      'cast(f, bf16)': ['bf16', [NaN, Infinity, -Infinity]],
    },
  });
});

import type { Reference } from '../../driver/reference.js';

export const conv2d: Reference = {
  shape: { B: 2, H: 12, W: 20, C: 24, F: 40, R: 3, S: 3 },
  dtypes: { T: 'f32' },
  run({ inputs: { x, f }, dims: { B = 0, H = 0, W = 0, C = 0, F = 0, R = 0, S = 0 } }) {
    const y = new Float64Array(B * H * W * F);
    const inside = (h: number, w: number): boolean => h >= 0 && h < H && w >= 0 && w < W;
    for (let pixel = 0; pixel < B * H * W; pixel++)
      for (let tap = 0; tap < R * S; tap++) {
        const h = (Math.floor(pixel / W) % H) + Math.floor(tap / S) - Math.floor(R / 2);
        const w = (pixel % W) + (tap % S) - Math.floor(S / 2);
        if (!inside(h, w)) continue;
        const from = (Math.floor(pixel / (H * W)) * H + h) * W + w;
        for (let c = 0; c < C; c++)
          for (let o = 0; o < F; o++)
            y[pixel * F + o] = (y[pixel * F + o] ?? 0) + (x?.[from * C + c] ?? 0) * (f?.[(tap * C + c) * F + o] ?? 0);
      }
    return { y };
  },
};

import { type Device, empty, f32, i32, lightningAttention } from 'lac';

const [B, H, N, D] = [1, 2, 6, 4];
const values = (n: number, f: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => f(i));

/** q, k and v of [B, H, N, D], and a slope for each head. */
export function inputs(device: Device) {
  const tensor = (phase: number) =>
    empty(device, f32, [B, H, N, D]).write(values(B * H * N * D, (i) => Math.sin(i + phase)));
  const slope = empty(device, f32, [H]).write([0.5, 0.03]);
  return { q: tensor(0), k: tensor(1), v: tensor(2), slope };
}

export async function prefillAndDecode(device: Device) {
  const { q, k, v, slope } = inputs(device);
  // The first four tokens at once; the state after them is all that is kept.
  const first = { q: tokens(q, 0, 4), k: tokens(k, 0, 4), v: tokens(v, 0, 4), slope };
  const { o: prefix, hT: state } = await lightningAttention(device, { ...first, finalState: true });
  // The other two one by one: `state` is updated in place.
  const rest = [];
  for (const t of [4, 5]) {
    const { o } = await lightningAttention.step(device, { q: at(q, t), k: at(k, t), v: at(v, t), slope, state });
    rest.push(o);
  }
  return { prefix, rest };
}

export async function gradients(device: Device) {
  const { q, k, v, slope } = inputs(device);
  const dout = empty(device, f32, [B, H, N, D]).fill(1); // of the loss "sum of o"
  return lightningAttention.backward(device, { q, k, v, slope, dout, wants: ['dslope'] });
}

export async function tokensBeforeHeads(device: Device) {
  // What PyTorch models have, [B, N, H, D]; D of v may differ, and k and v may have fewer heads than q.
  const q = empty(device, f32, [B, N, H, D]).fill(0.5);
  const k = empty(device, f32, [B, N, 1, D]).fill(0.5);
  const v = empty(device, f32, [B, N, 1, 3]).fill(1);
  const g = empty(device, f32, [B, N, H]).fill(Math.log(0.5)); // every token halves the state
  const { o } = await lightningAttention(device, { q, k, v, g, layout: 'bnhd' });
  return o; // [B, N, H, 3]
}

export async function packed(device: Device) {
  // Sequences of 2, 0 and 4 tokens, one after the other.
  const offset = empty(device, i32, [4]).write([0, 2, 2, 6]);
  const q = empty(device, f32, [N, H, D]).fill(1);
  const [k, v] = [empty(device, f32, [N, H, D]).fill(0.25), empty(device, f32, [N, H, D]).fill(1)];
  const { o, hT } = await lightningAttention(device, { q, k, v, offset, finalState: true });
  return { o, hT }; // [N, H, D], and the state of each sequence, [3, H, D, D]
}

/** Tokens `from` to `to`, nothing copied. */
const tokens = (x: Four, from: number, to: number) => x.view([B, H, to - from, D], x.strides, from * D);
/** Token `t` as [B, H, D]. */
const at = (x: Four, t: number) => x.view([B, H, D], [H * N * D, N * D, 1], t * D);
type Four = ReturnType<typeof inputs>['q'];

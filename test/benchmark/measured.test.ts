import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ceilingsFor } from '../../benchmark/ceilings.js';
import { type Probe, probesFor } from '../../benchmark/probes/probes.js';
import type { CeilingName } from '../../benchmark/types.js';
import { neverWritten, windowsOf } from '../../benchmark/windows.js';
import type { Reference } from '../../driver/reference.js';
import type { Device } from '../../runtime/device.js';
import { devices, expectRight } from '../kernels/session.js';

const on = devices('exact', 'sm90');
const folder = mkdtempSync(join(tmpdir(), 'lac-ceilings-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the probes say they do, in f64. */
const REFERENCES: Readonly<Record<string, Reference>> = {
  copyProbe: { shape: { N: 5000 }, run: ({ inputs: { x = new Float64Array() } }) => ({ y: x }) },
  multiplyAddProbe: {
    shape: { P: 2, C: 64 },
    scalars: { a: 0.5, b: 0.25, rounds: 3 },
    run({ inputs: { x = new Float64Array() }, scalars: { a = 0, b = 0, rounds = 0 } }) {
      let y = x;
      for (let i = 0; i < 4 * rounds; i++) y = y.map((value) => value * a + b);
      return { y };
    },
  },
  productProbe: {
    shape: { P: 2, M: 32, N: 16, K: 16 },
    scalars: { rounds: 3 },
    run({ inputs: { a, b }, dims: { P = 0, M = 0, N = 0, K = 0 }, scalars: { rounds = 0 } }) {
      const y = new Float64Array(P * M * N);
      for (const i of y.keys())
        for (let k = 0; k < K; k++)
          y[i] = (y[i] ?? 0) + rounds * (a?.[(Math.floor(i / N) % M) * K + k] ?? 0) * (b?.[k * N + (i % N)] ?? 0);
      return { y };
    },
  },
};

const probe = (name: CeilingName): Probe => {
  const [first] = probesFor(name, { info: { ...on.sm90.info, kind: 'gpu' }, limits: on.sm90.limits });
  if (first === undefined) throw new Error(`no probe for ${name}`);
  return first;
};

describe('the probes of the roofline', () => {
  test.each<CeilingName>(['copy', 'multiply-add', 'product bf16', 'product f32'])(
    '%s computes what it counts',
    async (name) => {
      const { decl, dtypes } = probe(name);
      const reference = REFERENCES[decl.name];
      if (reference === undefined) throw new Error(decl.name);
      for (const device of [on.exact, on.sm90]) await expectRight({ decl, device, dtypes, reference });
    },
  );

  test('count the bytes and operations of their sizes', () => {
    expect(probe('copy').amount(1)).toBe(8 * (probe('copy').dims.N ?? 0));
    const { dims, amount } = probe('product f16');
    expect(amount(10)).toBe(10 * 2 * (dims.P ?? 0) * (dims.M ?? 0) * (dims.N ?? 0) * (dims.K ?? 0));
    const adds = probe('multiply-add');
    expect(adds.amount(3)).toBe(3 * 8 * (adds.dims.P ?? 0) * (adds.dims.C ?? 0));
  });
});

/** The emulator, called a GPU: it has ceilings, and nothing is launched on it here. */
const gpu = (name = 'GPU'): Device => {
  const { info, limits } = on.sm90;
  return { backend: 'cuda', name, info: { ...info, kind: 'gpu' }, limits, state: 'open' } as Device;
};

describe('ceilings', () => {
  let measured: string[] = [];
  const ask = async (device: Device, names: readonly CeilingName[], place: string | null = folder) => {
    measured = [];
    const one = async () => ({ perSecond: 10 + measured.length, config: { C: 1 } });
    const found = await ceilingsFor(device, names, (name) => measured.push(name), { folder: place, probe: one });
    return found;
  };
  const files = (): string[] => readdirSync(folder).filter((name) => name.startsWith('ceilings-'));

  test('are measured once, and those that are missing later', async () => {
    expect(await ask(gpu(), ['copy'])).toEqual({ copy: { perSecond: 11, config: { C: 1 } } });
    expect(await ask(gpu(), ['copy', 'product f32'])).toEqual({
      copy: { perSecond: 11, config: { C: 1 } },
      'product f32': { perSecond: 11, config: { C: 1 } },
    });
    expect(measured).toEqual(['product f32']);
    await ask(gpu(), ['product f32', 'copy']);
    expect(measured).toEqual([]);
  });

  test('of another device are others', async () => {
    await ask(gpu('other GPU'), ['copy']);
    expect(measured).toEqual(['copy']);
    expect(files()).toHaveLength(2);
  });

  test('that other programs reached are measured anew', async () => {
    const own = mkdtempSync(join(folder, 'programs-'));
    await ask(gpu(), ['copy'], own);
    const path = join(own, readdirSync(own)[0] ?? '');
    const kept = JSON.parse(readFileSync(path, 'utf8')) as { readonly of: string };
    writeFileSync(path, JSON.stringify({ ...kept, of: kept.of.replace(/^./, (c) => (c === '0' ? '1' : '0')) }));
    await ask(gpu(), ['copy'], own);
    expect(measured).toEqual(['copy']);
    await ask(gpu(), ['copy'], own);
    expect(measured).toEqual([]);
  });

  test('are measured anew where the file is damaged, byte by byte or cut off', async () => {
    const own = mkdtempSync(join(folder, 'own-'));
    await ask(gpu(), ['copy'], own);
    const path = join(own, readdirSync(own)[0] ?? '');
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length; at += at < whole.length - 55 ? 31 : 2)
      for (const broken of [whole.subarray(0, at), flipped(whole, at)]) {
        writeFileSync(path, broken);
        const found = await ask(gpu(), ['copy'], own);
        expect(found).toEqual({ copy: { perSecond: 11, config: { C: 1 } } });
        writeFileSync(path, whole);
      }
  });

  test('are measured each time where they cannot be kept', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    for (const place of [null, file]) {
      expect(Object.keys(await ask(gpu(), ['copy'], place))).toEqual(['copy']);
      expect(measured).toEqual(['copy']);
    }
  });

  test('are none of the emulator and the interpreter', async () => {
    expect(await ask(on.sm90, ['copy'])).toEqual({});
    expect(await ask(on.exact, ['copy'])).toEqual({});
    expect(measured).toEqual([]);
  });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

describe('parts of large outputs', () => {
  test('show what was never written, from end to end', async () => {
    for (const [dtype, size] of [
      ['bf16', 70_001],
      ['f32', 100],
      ['i32', 20_000],
    ] as const) {
      const tensor = on.sm90.empty(dtype, [size], { guardBytes: 256 }).poison();
      expect(neverWritten(tensor, await windowsOf(tensor))).toBeGreaterThanOrEqual(Math.min(size, 16_000));
      tensor.write(new Float64Array(size).fill(1));
      expect(neverWritten(tensor, await windowsOf(tensor))).toBe(0);
      const last = on.sm90.empty(dtype, [size]).poison();
      last.view([size - 2], [1], 0).write(new Float64Array(size - 2));
      expect(neverWritten(last, await windowsOf(last))).toBe(2);
      tensor.free();
      last.free();
    }
  });
});

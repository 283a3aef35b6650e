import { Bug } from '../../compiler/diag/diagnostic.js';
import type { DType } from '../../compiler/ir/types.js';
import { declarationOf } from '../../driver/host.js';
import type { Dims } from '../../driver/reference.js';
import type { KernelDecl, PlanDecl } from '../../driver/source.js';
import { handleOf } from '../../dsl/declare.js';
import type { Device } from '../../runtime/device.js';
import type { CeilingName } from '../types.js';
import { copyProbe } from './copy.js';
import { multiplyAddProbe } from './multiply-add.js';
import { productProbe } from './product.js';

/** One way to reach a ceiling: the best of several is the ceiling. */
export interface Probe {
  readonly decl: KernelDecl | PlanDecl;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Bytes or operations of a launch with so many rounds; a probe without the scalar `rounds` has one. */
  readonly amount: (rounds: number) => number;
}

function sourceOf(kernel: object): KernelDecl | PlanDecl {
  const handle = handleOf(kernel);
  if (handle === undefined) throw new Bug('a probe is no kernel');
  return declarationOf(handle);
}

type Where = Pick<Device, 'info' | 'limits'>;

/** Programs that keep every multiprocessor busy for many waves; a software device has the cores of the host. */
const programs = ({ info }: Where): number => (info.kind === 'gpu' ? 16 * (info.multiprocessors ?? 128) : 16);

/** Bytes of a tensor beyond every cache, as far as the device binds them. */
const GPU_BYTES = 2 ** 28;
const SOFTWARE_BYTES = 2 ** 25;

function copies(device: Where): Probe[] {
  const { info, limits } = device;
  const most = Math.min(limits.maxBindingBytes, limits.maxBufferBytes);
  const bytes = Math.min(info.kind === 'gpu' ? GPU_BYTES : SOFTWARE_BYTES, 2 ** Math.floor(Math.log2(most)));
  const N = bytes / 4;
  return [{ decl: sourceOf(copyProbe), dims: { N }, dtypes: {}, scalars: {}, amount: () => 2 * bytes }];
}

/** Multiply-adds of a round, as the source of the probe has them. */
const STEPS = 4;

function multiplyAdds(device: Where): Probe[] {
  const P = programs(device);
  return [2048, 4096].map((C) => ({
    decl: sourceOf(multiplyAddProbe),
    dims: { P, C },
    dtypes: {},
    scalars: { a: 0.5, b: 0.25 },
    amount: (rounds) => 2 * STEPS * P * C * rounds,
  }));
}

/**
 * Blocks of a product. On tensor cores K is that of one instruction, so that operands stay in registers; elsewhere they are
 * read from workgroup memory, and a longer K has fewer loops around it.
 */
function blocksFor({ info }: Where, T: DType): readonly (readonly [M: number, N: number, K: number])[] {
  if (info.kind !== 'gpu') return [[64, 64, 32]];
  if (info.sm === undefined)
    return [
      [64, 64, 32],
      [64, 64, 16],
      [128, 64, 16],
    ];
  const K = T === 'f32' ? 8 : 16;
  return [
    [64, 64, K],
    [128, 64, K],
  ];
}

function products(device: Where, T: DType): Probe[] {
  const P = programs(device);
  return blocksFor(device, T).map(([M, N, K]) => ({
    decl: sourceOf(productProbe),
    dims: { P, M, N, K },
    dtypes: { T },
    scalars: {},
    amount: (rounds) => 2 * P * M * N * K * rounds,
  }));
}

export function probesFor(name: CeilingName, device: Where): Probe[] {
  if (name === 'copy') return copies(device);
  if (name === 'multiply-add') return multiplyAdds(device);
  return products(device, name.slice('product '.length) as DType);
}

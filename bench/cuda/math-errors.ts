import { ACCURACY, type AccuracyBackend, boundOf, mayFlush, POWER, ulpOf } from '../../compiler/ops/accuracy.js';
import { faultOf, isWithin } from '../../compiler/ops/judge.js';
import { opRow } from '../../compiler/ops/table.js';
import { runKernel } from '../../driver/run.js';
import { SourceProject } from '../../driver/source.js';
import type { Device } from '../../runtime/index.js';
import { FUNCTION_ROWS } from './functions.js';

type Row = (typeof FUNCTION_ROWS)[number];

/** How far from the exact value a function was, over all operands. */
export interface Measured {
  readonly name: Row;
  /** The largest error in ulp, of normal results of operands that are no subnormals, and these operands. */
  readonly ulp: number;
  readonly at: readonly number[];
  /** The largest share of what is allowed. */
  readonly share: number;
  /** The first few results out of bounds, and how many there are. */
  readonly faults: readonly string[];
  readonly wrong: number;
}

const FILE = 'bench/cuda/functions.ts';

/** Runs the kernel `functions` on a device and compares each result with f64. */
export async function measureErrors(device: Device, x: Float64Array, z: Float64Array, root = '.'): Promise<Measured[]> {
  const decl = new SourceProject().read(`${root}/${FILE}`).kernels.find((k) => k.name === 'functions');
  if (decl === undefined) throw new Error(`${FILE} has no kernel functions`);
  const dims = { N: x.length, F: FUNCTION_ROWS.length };
  const { values } = await runKernel({ decl, reference: null, device, dims, inputs: { x, z }, check: false });
  const y = values.y ?? new Float64Array(0);
  const backend = device.backend === 'webgpu' ? 'wgsl' : 'ptx';
  return FUNCTION_ROWS.map((name, k) => judged(name, backend, x, z, y.subarray(k * x.length, (k + 1) * x.length)));
}

function judged(name: Row, backend: AccuracyBackend, x: Float64Array, z: Float64Array, y: Float64Array): Measured {
  const judge = name === '**' ? powerJudge(backend) : opJudge(name, backend);
  const worst = { ulp: 0, at: [] as number[], share: 0 };
  const faults: string[] = [];
  let wrong = 0;
  for (let i = 0; i < x.length; i++) {
    const [a, b, got] = [x[i] as number, z[i] as number, y[i] as number];
    const { want, bound, fault } = judge(a, b, got);
    if (fault !== null && wrong++ < 3) faults.push(fault);
    const ulp = Math.abs(got - want) / ulpOf('f32', want);
    if (!isNormal(want) || isSubnormal(a) || isSubnormal(b) || !Number.isFinite(ulp)) continue;
    if (ulp > worst.ulp) Object.assign(worst, { ulp, at: [a, b] });
    if (bound > 0) worst.share = Math.max(worst.share, ulp / bound);
  }
  return { name, ...worst, faults, wrong };
}

const isNormal = (x: number): boolean => Number.isFinite(x) && Math.abs(x) >= 2 ** -126;
const isSubnormal = (x: number): boolean => x !== 0 && Math.abs(x) < 2 ** -126;

interface Judgement {
  readonly want: number;
  /** In ulp. */
  readonly bound: number;
  readonly fault: string | null;
}
type Judge = (x: number, z: number, got: number) => Judgement;

function opJudge(op: Exclude<Row, '**'>, backend: AccuracyBackend): Judge {
  const { evaluate, operands } = opRow(op);
  const { ulp, perX = 0 } = boundOf(op, 'f32', backend);
  const subject = {
    op,
    from: 'f32',
    backend,
    finiteOnly: backend === 'wgsl' && ACCURACY[op].wgsl.from !== undefined,
  } as const;
  const values = new Array<number>(operands.length).fill(0);
  return (x, z, got) => {
    values[0] = x;
    if (values.length > 1) values[1] = z;
    const want = evaluate?.(values, 'f32', {}) ?? Number.NaN;
    const bound = ulp + perX * Math.abs(x);
    const near = isNormal(want) && Math.abs(got - want) <= bound * ulpOf('f32', want);
    return { want, bound, fault: near ? null : faultOf(subject, values, got) };
  };
}

/** x ** z as semantics.md has it: NaN below 0, and 1 where z is 0. */
function powerJudge(backend: AccuracyBackend): Judge {
  const { ulp, perX = 0 } = POWER[backend];
  const flush = mayFlush('exp2', backend).results;
  return (x, z, got) => {
    const t = z * Math.log2(x);
    const want = z === 0 ? 1 : 2 ** t;
    const bound = ulp + perX * Math.abs(t);
    const tiny = flush && want < 2 ** -126 ? want : 0;
    const special = backend === 'wgsl' && ![x, z, Math.fround(want)].every((v) => v === 0 || isNormal(v));
    const fine = special || isWithin(want, Math.max(tiny, bound * ulpOf('f32', want)), 'f32', got);
    return { want, bound, fault: fine ? null : `${x} ** ${z} gives ${got}, should be ${want}` };
  };
}

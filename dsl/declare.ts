// biome-ignore-all lint/complexity/noBannedTypes: `{}` is the empty set of knobs or options
import { callSite, host, type KernelHandle } from './host.js';
import type {
  AnyArg,
  AnyFn,
  Arg,
  ArgOptions,
  DimName,
  Env,
  Kernel,
  KernelSpec,
  Params,
  PlanArgs,
  PlanEnv,
  PlanSpec,
  PlanTensor,
  Run,
  ScalarArg,
  Tensor,
} from './kernel-types.js';
import type { DType, Scalar } from './types.js';

/** A strided, read-only tensor argument; `dims` name its axes. `{ optional: true }`: calls whose options never touch it may leave it out. */
export function input<
  D extends string,
  H extends string,
  const S extends readonly string[],
  const M extends ArgOptions = {},
>(d: DType<D, H>, dims: S, more?: M): Arg<D, H, S, 'in'> & M {
  return { dtype: d, dims, dir: 'in', ...(more as M) };
}
/** A tensor argument that the kernel only writes. */
export function output<
  D extends string,
  H extends string,
  const S extends readonly string[],
  const M extends ArgOptions = {},
>(d: DType<D, H>, dims: S, more?: M): Arg<D, H, S, 'out'> & M {
  return { dtype: d, dims, dir: 'out', ...(more as M) };
}
/** A tensor argument that is updated in place. */
export function inout<
  D extends string,
  H extends string,
  const S extends readonly string[],
  const M extends ArgOptions = {},
>(d: DType<D, H>, dims: S, more?: M): Arg<D, H, S, 'inout'> & M {
  return { dtype: d, dims, dir: 'inout', ...(more as M) };
}
/** A number passed at each launch. */
export function scalar<D extends string>(d: DType<D>): ScalarArg<D> {
  return { scalar: d };
}

const handles = new WeakMap<object, KernelHandle>();

/** The handle of a kernel made by `kernel`, `plan` or `.with`; undefined for anything else. */
export const handleOf = (kernel: object): KernelHandle | undefined => handles.get(kernel);

type Launch = Parameters<ReturnType<typeof host>['launch']>;
type Tune = Parameters<ReturnType<typeof host>['tune']>;

function callable(handle: KernelHandle): object {
  const launch = async (dev: Launch[1], args: Launch[2], opts?: Launch[3]): Promise<void> =>
    host('launching a kernel').launch(handle, dev, args, opts);
  const derive = (options: Readonly<Record<string, unknown>>): object =>
    callable({ site: callSite(derive), base: handle, options, spec: handle.spec });
  const tune = async (dev: Tune[1], args: Tune[2], opts?: Tune[3]): ReturnType<ReturnType<typeof host>['tune']> =>
    host('tuning a kernel').tune(handle, dev, args, opts);
  const made = Object.assign(launch, { with: derive, tune });
  handles.set(made, handle);
  return made;
}

/** Declares a kernel. `body` is read by the compiler from source and never run. */
export function kernel<
  const A extends Record<string, AnyArg>,
  const G extends Record<string, number>,
  const CT extends readonly DimName<A>[] = [],
  const TN extends Record<string, readonly number[]> = {},
  O extends Record<string, boolean | number | AnyFn> = {},
>(
  spec: KernelSpec<A, CT, TN, O, G>,
  _body: (args: Params<A>, env: Env<A, CT, TN, O>, pid: { readonly [K in keyof G]: Scalar<'i32'> }) => void,
): Kernel<A, TN, O> {
  return callable({ site: callSite(kernel), base: null, options: {}, spec }) as Kernel<A, TN, O>;
}

/** A temporary of a plan: owned by the runtime, alive for one call, uninitialised unless `fill` is given. */
export function temp<H extends string, const S extends readonly number[]>(
  _dtype: DType<string, H>,
  _shape: S,
  _opts?: { fill?: number },
): PlanTensor<H, S> {
  throw new Error('temp() belongs in the `temps` of a plan, which is read by the compiler and never run');
}

/** Read, never executed, like a kernel; the body holds `const`, `if` on sizes and `run` only, and is stored in the manifest as expressions.
 *  A plan is called, tuned and compiled like a kernel; a `run` without config uses that kernel's own tuned configuration. */
export function plan<
  const A extends Record<string, AnyArg>,
  const TN extends Record<string, readonly number[]> = {},
  TM extends Record<string, Tensor> = {},
  O extends Record<string, boolean | number> = {},
>(
  spec: PlanSpec<A, TN, TM, O>,
  _body: (tensors: PlanArgs<A> & TM, p: PlanEnv<A, TN, O>, run: Run) => void,
): Kernel<A, TN, O> {
  return callable({ site: callSite(plan), base: null, options: {}, spec }) as Kernel<A, TN, O>;
}

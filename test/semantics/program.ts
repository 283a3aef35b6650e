import { resolve } from 'node:path';
import { expect } from 'vitest';
import type { Variant } from '../../compiler/artifact.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { bindDeclaredPlan, bindKernel } from '../../driver/bind.js';
import { checkFile, isPlan, type KernelDecl, type PlanDecl, SourceProject } from '../../driver/source.js';
import { languageNames } from '../../dsl/lower/builtins/table.js';
import type { TensorDType } from '../../runtime/codec.js';
import type { Device } from '../../runtime/device.js';
import type { Tensor } from '../../runtime/tensor.js';

/** A kernel as text: the arguments as they are declared, and a body over them, `env` and the axis `p` of the grid. */
export interface ProgramText {
  readonly args: string;
  readonly body: string;
  /** Sizes, knobs and options that the body names. */
  readonly env?: string;
  /** Programs, an expression over `size`. Default 1. */
  readonly grid?: string;
  /** Further properties of the declaration: comptime, options, tune. */
  readonly spec?: string;
  /** What stands before the kernel. */
  readonly module?: string;
}

const sourceOf = ({ args, body, env = '', grid = '1', spec = '', module = '' }: ProgramText): string => {
  const names = [...args.matchAll(/(\w+): ?(?:input|output|inout|scalar)\(/g)].map((m) => m[1]).join(', ');
  return `${importLine}
${module}
export const probe = kernel({ args: { ${args} }, ${spec} grid: (size) => ({ p: ${grid} }) },
({ ${names} }, { ${env} }, { p }) => {
  ${body}
});
`;
};
const importLine = `import { ${languageNames().join(', ')} } from 'lac';`;

/** A tensor of a launch. Without values it is poisoned: what was never written reads as NaN, or as 0xA5A5A5A5. */
export interface Given {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  readonly strides?: readonly number[];
}

export const given = (dtype: TensorDType, values: readonly number[], shape?: readonly number[]): Given => ({
  dtype,
  values,
  shape: shape ?? [values.length],
});
export const blank = (dtype: TensorDType, ...shape: readonly number[]): Given => ({ dtype, shape });

/** What an element that nobody wrote reads as. */
export const untouched = (dtype: TensorDType): number => {
  if (dtype === 'i32') return 0xa5a5a5a5 | 0;
  return dtype === 'u32' ? 0xa5a5a5a5 : NaN;
};

export type Values = Readonly<Record<string, readonly number[]>>;

let files = 0;
const project = new SourceProject();

/** What is declared in the text of a file with these statements behind the import of the language. */
function declarations(text: string) {
  const file = resolve(`test/semantics/program-${files++}.kernel.ts`);
  project.override(file, text);
  return { file, ...project.read(file) };
}

/** What `lac check` says of a kernel. */
export function findings(text: ProgramText): readonly string[] {
  const { file } = declarations(sourceOf(text));
  return checkFile(project, file).diagnostics.map((d) => d.code);
}

/** What `lac check` says of a body that stores into y and may read x, both f32 vectors. */
export const checked = (body: string): readonly string[] =>
  findings({
    args: "x: input(f32, ['N']), n: scalar(i32), y: output(f32, ['N'])",
    env: 'N',
    body: `const t = x.load([p], [16]); ${body} y.store([p], t);`,
  });

/** A kernel, or a plan named `whole`, that runs on tensors made for one launch. */
export class Program {
  readonly #decl: KernelDecl | PlanDecl;

  constructor(text: ProgramText | string) {
    const { kernels, plans, diagnostics } = declarations(
      typeof text === 'string' ? `${importLine}\n${text}` : sourceOf(text),
    );
    const found = plans.find((one) => one.name === 'whole') ?? kernels.find((one) => one.name === 'probe');
    if (found === undefined || diagnostics.some((d) => d.severity === 'error')) throw new LacError(diagnostics);
    this.#decl = found;
  }

  get decl(): KernelDecl | PlanDecl {
    return this.#decl;
  }

  /** Values of all tensors after the launch; fails where anything around one of them was written to. */
  async run(
    device: Device,
    args: Readonly<Record<string, Given | Tensor | number | null>>,
    config: Readonly<Record<string, number>> = {},
  ): Promise<Values> {
    const made = Object.entries(args).map(([name, arg]) => [name, place(device, arg)] as const);
    const tensors = made.flatMap(([name, t]) => (isTensor(t) ? [[name, t] as const] : []));
    try {
      await this.#launch(device, Object.fromEntries(made), config);
      for (const [name, tensor] of tensors) expect(await tensor.checkGuards(), `around ${name}`).toBeNull();
      const read = tensors.map(async ([name, tensor]) => [name, [...(await tensor.read())]] as const);
      return Object.fromEntries(await Promise.all(read));
    } finally {
      for (const [name, tensor] of tensors) if (args[name] !== tensor) tensor.free();
    }
  }

  /** What is compiled for a device that is not the interpreter. */
  variant(
    device: Device,
    args: Readonly<Record<string, Given>>,
    config: Readonly<Record<string, number>> = {},
  ): Variant {
    if (isPlan(this.#decl)) throw new Error('a plan has as many variants as kernels');
    const made = Object.entries(args).map(([name, arg]) => [name, place(device, arg)]);
    const { variant } = bindKernel(this.#decl, device, Object.fromEntries(made), config).plan;
    if (variant.target === 'interpret') throw new Error('the interpreter runs the IR');
    return variant;
  }

  async #launch(
    device: Device,
    args: Readonly<Record<string, Tensor | number | null>>,
    config: Readonly<Record<string, number>>,
  ): Promise<void> {
    if (isPlan(this.#decl)) {
      const tensors = Object.entries(args).filter(
        (entry): entry is [string, Tensor | null] => typeof entry[1] !== 'number',
      );
      await bindDeclaredPlan(this.#decl, device, args, config).bound.launch(Object.fromEntries(tensors));
    } else await device.launch(bindKernel(this.#decl, device, args, config).plan);
  }
}

const isTensor = (x: unknown): x is Tensor => typeof x === 'object' && x !== null && 'device' in x;

const GUARD_BYTES = 256;

function place(device: Device, arg: Given | Tensor | number | null): Tensor | number | null {
  if (arg === null || typeof arg === 'number' || isTensor(arg)) return arg;
  const { dtype, shape, values, strides } = arg;
  const tensor = device.empty(dtype, shape, { guardBytes: GUARD_BYTES, ...(strides ? { strides } : {}) }).poison();
  return values === undefined ? tensor : tensor.write(values);
}

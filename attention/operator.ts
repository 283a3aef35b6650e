import type { Code } from '../compiler/diag/codes.js';
import { LacError } from '../compiler/diag/diagnostic.js';
import { ArgumentNames, ArgumentPattern, type TensorArgs } from '../runtime/argument-pattern.js';
import {
  type Device,
  type LaunchArgs,
  type LaunchSpec,
  readArguments,
  type Tensor,
  type TensorDType,
} from '../runtime/index.js';
import { type Declarations, dimsOf, exclusive, type Order, refuse } from './arguments.js';

/** What the arguments of a call say. */
export interface Reading {
  readonly dims: Readonly<Record<string, number>>;
  /** Of q, k and v. */
  readonly dtype: TensorDType;
  readonly tensors: Readonly<Record<string, Tensor | null>>;
}

const FLOATS = { T: ['f32', 'f16', 'bf16'] } as const;

/** Shapes of arguments that are remembered; the least recently met goes first. */
const MAX_KEPT = 16;

/** What is known of calls with one order of axes. */
interface Form {
  readonly specs: LaunchSpec['args'];
  readonly names: ArgumentNames;
  readonly known: { readonly pattern: ArgumentPattern; readonly reading: Omit<Reading, 'tensors'> }[];
}

/** One function of the operator: what it is called, and its tensor arguments. */
export class Operator {
  readonly what: string;
  readonly declared: Declarations;
  readonly names: readonly string[];
  readonly #forms: Partial<Record<Order, Form>> = {};

  constructor(what: string, declared: Declarations) {
    this.what = what;
    this.declared = declared;
    this.names = Object.keys(declared);
  }

  /**
   * Sizes and tensors of a call, checked against each other in the caller's own order of axes; tensors like those of an
   * earlier call are only compared with them. Throws LacError LAC0601 to LAC0605, LAC0609, LAC0610, LAC0623, LAC0626.
   */
  read(device: Device, order: Order, args: LaunchArgs): Reading {
    this.#forms[order] ??= this.#form(order);
    const form = this.#forms[order];
    const tensors = form.names.tensorsIn(device, args);
    const known = tensors === null ? undefined : form.known.find(({ pattern }) => pattern.fits(tensors));
    if (known !== undefined && tensors !== null) return { ...known.reading, tensors: this.#byName(tensors) };
    const reading = this.#check(device, order, form, args);
    if (tensors !== null) form.known.unshift({ pattern: new ArgumentPattern(tensors), reading });
    if (form.known.length > MAX_KEPT) form.known.pop();
    return reading;
  }

  #form(order: Order): Form {
    const specs = Object.entries(this.declared).map(([name, { dtype, dir, axes, needed }]) => {
      const spec = { name, dtype, dir, dims: dimsOf(axes, order) };
      return needed ? spec : { ...spec, optional: true as const };
    });
    return { specs, names: new ArgumentNames({ args: specs }), known: [] };
  }

  #byName(tensors: TensorArgs): Reading['tensors'] {
    const all: Record<string, Tensor | null> = {};
    for (let i = 0; i < tensors.length; i++) all[this.names[i] as string] = tensors[i] ?? null;
    return all;
  }

  #check(device: Device, order: Order, { specs }: Form, args: LaunchArgs): Reading {
    const { what, declared } = this;
    exclusive(what, args, ['slope', 'g'], 'a decay is one number a head, or one a token and head');
    const help = (): string => `shapes are ${this.#shapes(order)}; HK divides H, and is H where no heads share k and v`;
    const spec = { kernel: what, args: specs, dtypes: FLOATS };
    const { dims, tensors, dtypes } = withHelp(help, () => readArguments(spec, args, device));
    for (const [name, { needed }] of Object.entries(declared))
      if (needed && args[name] === null)
        refuse('LAC0602', what, `argument ${name} is null`, 'only optional ones may be');
    const { H = 0, HK = 0 } = dims;
    if (HK === 0 ? H > 0 : H % HK !== 0)
      refuse('LAC0605', what, `q has ${H} heads, k and v have ${HK}, which does not divide it`, help());
    const dtype = (dtypes.T ?? 'f32') as TensorDType;
    return { dims: order === 'packed' ? { ...dims, S: sequencesOf(what, dims) } : dims, dtype, tensors };
  }

  #shapes(order: Order): string {
    const shown = Object.entries(this.declared).map(
      ([name, { axes }]) => `${name} [${dimsOf(axes, order).join(', ')}]`,
    );
    return shown.join(', ');
  }
}

/** Packed sequences are one fewer than their offsets. */
function sequencesOf(what: string, { S1 = 0, S = S1 - 1 }: Readonly<Record<string, number>>): number {
  if (S !== S1 - 1 || S < 0)
    refuse(
      'LAC0605',
      what,
      `offset has ${S1} entries, the states are of ${S} sequences`,
      'offset is [S + 1], h0 [S, H, D, E]',
    );
  return S;
}

const SHAPE_CODES: ReadonlySet<Code> = new Set(['LAC0603', 'LAC0605']);

/** Says in what is thrown about shapes what they should be. */
function withHelp<T>(help: () => string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    const text = help();
    const told = error.diagnostics.map((d) => (SHAPE_CODES.has(d.code) ? { ...d, help: [...d.help, { text }] } : d));
    throw new LacError(told);
  }
}

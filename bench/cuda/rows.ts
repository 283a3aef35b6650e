import { readFileSync } from 'node:fs';

/** One row of the table: a kernel at a shape, and the configurations to try. Lies in configs.json. */
export interface Row {
  /** What peers.py makes the tensors, the reference and the peers from. */
  readonly kind: 'lightning' | 'lightning-backward' | 'decode' | 'gla' | 'flash' | 'flash-backward' | 'gemm' | 'norm';
  readonly shape: Readonly<Record<string, number>>;
  readonly file: string;
  /** A kernel or a plan. */
  readonly kernel: string;
  readonly options?: Readonly<Record<string, boolean | number>>;
  /** Knobs of a plan's kernels are named `kernel.knob`; what is left out of a plan is chosen as by a call. */
  readonly configs: readonly Readonly<Record<string, number>>[];
}

/** Knobs of a plan, and those of its kernels by their names. */
export function splitConfig(config: Row['configs'][number]): {
  readonly own: Row['configs'][number];
  readonly steps: Readonly<Record<string, Row['configs'][number]>>;
} {
  const own: Record<string, number> = {};
  const steps: Record<string, Record<string, number>> = {};
  for (const [name, value] of Object.entries(config)) {
    const [first = '', knob] = name.split('.');
    if (knob === undefined) own[first] = value;
    else steps[first] = { ...steps[first], [knob]: value };
  }
  return { own, steps };
}

/** Rows of configs.json by name; of them only those named, where names are given. */
export function readRows(file: string, names: readonly string[] = []): Readonly<Record<string, Row>> {
  const rows = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, Row>>;
  const unknown = names.filter((name) => !(name in rows));
  if (unknown.length > 0) throw new Error(`${file} has no row ${unknown.join(', ')}; it has ${Object.keys(rows)}`);
  return Object.fromEntries(Object.entries(rows).filter(([name]) => names.length === 0 || names.includes(name)));
}

/** `C=64 BE=128 warps=8`, for people and for names. */
export const configText = (config: Readonly<Record<string, number>>): string =>
  Object.entries(config)
    .map(([knob, value]) => `${knob}=${value}`)
    .join(' ');

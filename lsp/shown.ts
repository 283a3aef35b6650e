import type { Expr } from '../compiler/expr.js';
import { describe, isMask, type MethodVal, shapeText, tileTypeOf, type Val, viewTypeOf } from '../dsl/lower/value.js';

/** What a value is, as an editor shows it. Text only, so that nothing of the lowering is kept alive by it. */
export interface Shown {
  /** `f32 [C, D]`, `64`, `view of bf16 [N, D]`. */
  readonly text: string;
  /** What stands below it: extents with their values (`[C=64, D=128]`), the rest of a declaration; null for nothing. */
  readonly below: string | null;
  /** Behind a declared name: `f32[C, D]`; null where it says nothing new. */
  readonly hint: string | null;
  readonly kind: Val['kind'];
  /** Name of a function of the language, or of a method of a view. */
  readonly named: string | null;
}

/** A name, a number, or something to compute. */
const exprText = (e: Expr): string => (typeof e === 'object' ? '?' : String(e));

const plain = (text: string): Omit<Shown, 'kind'> => ({
  text,
  below: null,
  hint: null,
  named: null,
});

export function shown(val: Val): Shown {
  return { kind: val.kind, ...partsOf(val) };
}

/** Where the language documents a method. */
const ownerOf = ({ self: { kind }, name }: MethodVal): string | null =>
  kind === 'view' || kind === 'tensor' ? `${kind}.${name}` : null;

function partsOf(val: Val): Omit<Shown, 'kind'> {
  switch (val.kind) {
    case 'tile': {
      const { shape } = tileTypeOf(val);
      const dtype = isMask(val) ? 'mask' : tileTypeOf(val).dtype;
      if (shape.length === 0) return { ...plain(isMask(val) ? 'mask scalar' : `${dtype} scalar`), hint: dtype };
      const names = extentNames(shape, val.dims);
      return { text: `${dtype} ${names}`, below: shapeText(shape, val.dims), hint: `${dtype}${names}`, named: null };
    }
    case 'view': {
      const { dtype, extents } = viewTypeOf(val);
      const names = extentNames(extents, val.dims);
      return { ...plain(`view of ${dtype} ${names}`), hint: `view ${dtype}${names}` };
    }
    case 'num':
      return plain(val.label === undefined ? String(val.value) : `${val.label} = ${val.value}`);
    case 'arr':
      return plain(val.items.length > 8 ? describe(val) : `[${val.items.map((v) => shown(v).text).join(', ')}]`);
    case 'tensor':
      return plain(
        `${val.dir === 'temp' ? 'temporary' : 'tensor'} ${val.dtype} [${val.shape.map(exprText).join(', ')}]`,
      );
    case 'kernel':
    case 'plan':
      return { ...plain(argumentsText(val.decl)), below: restText(val.decl) };
    case 'dtype':
      return plain(val.dtype);
    case 'dtypeParam':
      return plain(`dtype parameter ${val.name}: ${val.choices.join(', ')}`);
    case 'builtin':
      return { ...plain(describe(val)), named: val.name };
    case 'method':
      return { ...plain(describe(val)), named: ownerOf(val) };
    default:
      return plain(describe(val));
  }
}

/** `[C, D]`: names where extents have them, else numbers; `?` is known at launch only. */
const extentNames = (extents: readonly (number | null)[], dims: readonly string[]): string =>
  `[${extents.map((e, i) => dims[i] || String(e ?? '?')).join(', ')}]`;

type Declared = Extract<Val, { kind: 'kernel' | 'plan' }>['decl'];

/** `(x: in T [N, D], ...)`, a line each. */
function argumentsText({ args }: Declared): string {
  const lines = args.map((a) =>
    a.dir === 'scalar' ? `  ${a.name}: ${a.dtype}` : `  ${a.name}: ${a.dir} ${a.dtype} [${a.dims.join(', ')}]`,
  );
  return `(\n${lines.join(',\n')}\n)`;
}

function restText(decl: Declared): string {
  const choices = (from: Readonly<Record<string, readonly unknown[]>>): string[] =>
    Object.entries(from).map(([name, values]) => `${name} of ${values.join(' ')}`);
  const parts = [
    ['comptime', decl.comptime],
    ['dtypes', choices(decl.dtypes)],
    ['knobs', choices(decl.tune)],
    ['options', 'options' in decl ? Object.keys(decl.options) : []],
  ] as const;
  return parts.flatMap(([title, items]) => (items.length === 0 ? [] : [`${title}: ${items.join(', ')}`])).join('\n\n');
}

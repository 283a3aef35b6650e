import {
  createToken,
  EmbeddedActionsParser,
  type IParserErrorMessageProvider,
  type IToken,
  Lexer,
  type TokenType,
  tokenLabel,
} from 'chevrotain';
import { KEYWORDS } from './keywords.js';

/**
 * Syntax of textual IR. One assembly format serves every op; names, attributes and types are looked up in the op table
 * afterwards (parse.ts), so a new row needs no change here.
 *
 *   kernel name(%p: type [dim, ...], ...) axes [a, ...] comptime {D = 64} config {C = 32} { op ... }
 *   %r, %s = name %a, %b {attr = value, ...} : type @ layout, type (%i: i32, ...) { op ... } loc("file":start:end callee, ...)
 */

const LABELS: Readonly<Record<string, string>> = {
  ShapedType: 'a type',
  Value: 'a value (%name)',
  Number: 'a number',
  String: 'text in quotes',
  Word: 'a name',
};

const make = (name: string, pattern: RegExp | string, more: { skip?: true; word?: TokenType } = {}): TokenType =>
  createToken({
    name,
    pattern,
    label: LABELS[name] ?? `\`${String(pattern)}\``,
    ...(more.skip ? { group: Lexer.SKIPPED } : {}),
    ...(more.word ? { longer_alt: more.word } : {}),
  });

const Space = make('Space', /[ \t\r\n]+/, { skip: true });
const Comment = make('Comment', /\/\/[^\n]*/, { skip: true });
const ShapedType = make('ShapedType', /(?:tile|view|buf)<[^<>\n]{0,200}>/);
const Value = make('Value', /%[A-Za-z0-9_$]+/);
const Num = make('Number', /-inf|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/);
const Text = make('String', /"[^"\\\n\r]*(?:\\.[^"\\\n\r]*)*"/);
const Word = make('Word', /[A-Za-z_$][A-Za-z0-9_$]*/);
const [Kernel, Axes, Comptime, Config, As, Loc] = KEYWORDS.map((k) => make(`Keyword_${k}`, k, { word: Word })) as [
  TokenType,
  TokenType,
  TokenType,
  TokenType,
  TokenType,
  TokenType,
];
const [LeftParen, RightParen, LeftBrace, RightBrace] = [
  make('LeftParen', '('),
  make('RightParen', ')'),
  make('LeftBrace', '{'),
  make('RightBrace', '}'),
];
const [LeftBracket, RightBracket, Comma, Colon, Equals, At] = [
  make('LeftBracket', '['),
  make('RightBracket', ']'),
  make('Comma', ','),
  make('Colon', ':'),
  make('Equals', '='),
  make('At', '@'),
];
const PUNCTUATION = [LeftParen, RightParen, LeftBrace, RightBrace, LeftBracket, RightBracket, Comma, Colon, Equals, At];
const WORDS = [Kernel, Axes, Comptime, Config, As, Loc, Word];
const TOKENS = [Space, Comment, ShapedType, Value, Num, Text, ...WORDS, ...PUNCTUATION];

export const lexer = new Lexer(TOKENS, { positionTracking: 'onlyOffset', recoveryEnabled: false });
export const opensScope = (t: IToken): boolean => t.tokenType === LeftBrace;
export const closesScope = (t: IToken): boolean => t.tokenType === RightBrace;
export const isText = (t: IToken): boolean => t.tokenType === Text;
export const isNumber = (t: IToken): boolean => t.tokenType === Num;

export interface LayoutSyntax {
  readonly dim: IToken;
  readonly bases: IToken[];
}
export interface TypeSyntax {
  readonly token: IToken;
  readonly layout: LayoutSyntax[] | null;
}
export type AttrSyntax = IToken | { readonly open: IToken; readonly items: IToken[] };
export interface EntrySyntax {
  readonly name: IToken;
  readonly value: AttrSyntax;
}
export interface ArgSyntax {
  readonly name: IToken;
  readonly type: TypeSyntax;
}
export interface ParamSyntax extends ArgSyntax {
  readonly as: IToken | null;
  readonly dims: IToken[] | null;
}
export interface LocSyntax {
  readonly file: IToken;
  readonly start: IToken;
  readonly end: IToken;
  readonly callee: IToken | null;
}
export interface RegionSyntax {
  readonly args: ArgSyntax[];
  readonly ops: OpSyntax[];
}
export interface OpSyntax {
  readonly results: IToken[];
  readonly name: IToken;
  readonly operands: IToken[];
  readonly attrs: EntrySyntax[];
  readonly types: TypeSyntax[];
  readonly regions: RegionSyntax[];
  readonly loc: LocSyntax[] | null;
}
export interface KernelSyntax {
  readonly name: IToken;
  readonly params: ParamSyntax[];
  readonly axes: IToken[];
  readonly comptime: EntrySyntax[];
  readonly config: EntrySyntax[];
  readonly ops: OpSyntax[];
}

const found = (t: IToken | undefined): string =>
  t === undefined || t.image === '' ? 'the end of the text' : `\`${t.image.slice(0, 40)}\``;
const oneOf = (paths: readonly (readonly TokenType[])[]): string =>
  [...new Set(paths.flatMap((path) => path.slice(0, 1).map(tokenLabel)))].join(' or ');

const MESSAGES: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) => `expected ${tokenLabel(expected)}, found ${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `expected \`kernel\`, found ${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ expectedPathsPerAlt, actual }) =>
    `expected ${oneOf(expectedPathsPerAlt.flat())}, found ${found(actual[0])}`,
  buildEarlyExitMessage: ({ expectedIterationPaths, actual }) =>
    `expected ${oneOf(expectedIterationPaths)}, found ${found(actual[0])}`,
};

class IrParser extends EmbeddedActionsParser {
  constructor() {
    super(TOKENS, { maxLookahead: 3, recoveryEnabled: false, errorMessageProvider: MESSAGES });
    this.performSelfAnalysis();
  }

  /** Items separated by commas, or none at all. */
  #list<T>(item: () => T): T[] {
    const items: T[] = [];
    this.MANY_SEP({ SEP: Comma, DEF: () => items.push(item()) });
    return items;
  }

  /** Values that end in `=` are the results of the next op, behind one without operands. */
  #opensOp(): boolean {
    let n = 1;
    while (this.LA(n).tokenType === Value && this.LA(n + 1).tokenType === Comma) n += 2;
    return this.LA(n).tokenType === Value && this.LA(n + 1).tokenType === Equals;
  }

  readonly module = this.RULE('module', () => {
    const kernels: KernelSyntax[] = [];
    this.MANY(() => kernels.push(this.SUBRULE(this.kernel)));
    return kernels;
  });

  readonly kernel = this.RULE('kernel', (): KernelSyntax => {
    this.CONSUME(Kernel);
    const name = this.SUBRULE(this.name);
    this.CONSUME(LeftParen);
    const params = this.#list(() => this.SUBRULE(this.param));
    this.CONSUME(RightParen);
    const axes = this.OPTION(() => {
      this.CONSUME(Axes);
      return this.SUBRULE(this.names);
    });
    const comptime = this.OPTION1(() => {
      this.CONSUME(Comptime);
      return this.SUBRULE(this.entries);
    });
    const config = this.OPTION2(() => {
      this.CONSUME(Config);
      return this.SUBRULE1(this.entries);
    });
    this.CONSUME(LeftBrace);
    const ops: OpSyntax[] = [];
    this.MANY(() => ops.push(this.SUBRULE(this.op)));
    this.CONSUME(RightBrace);
    return { name, params, axes: axes ?? [], comptime: comptime ?? [], config: config ?? [], ops };
  });

  readonly param = this.RULE('param', (): ParamSyntax => {
    const name = this.CONSUME(Value);
    const as = this.OPTION(() => {
      this.CONSUME(As);
      return this.CONSUME(Text);
    });
    this.CONSUME(Colon);
    const type = this.SUBRULE(this.type);
    const dims = this.OPTION1(() => this.SUBRULE(this.names));
    return { name, as: as ?? null, type, dims: dims ?? null };
  });

  readonly op = this.RULE('op', (): OpSyntax => {
    const results: IToken[] = [];
    this.OPTION(() => {
      this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => results.push(this.CONSUME(Value)) });
      this.CONSUME(Equals);
    });
    const name = this.CONSUME(Word);
    const operands: IToken[] = [];
    this.OPTION4({
      GATE: () => !this.#opensOp(),
      DEF: () => this.AT_LEAST_ONE_SEP2({ SEP: Comma, DEF: () => operands.push(this.CONSUME1(Value)) }),
    });
    const attrs = this.OPTION1(() => this.SUBRULE(this.entries)) ?? [];
    const types: TypeSyntax[] = [];
    this.OPTION2(() => {
      this.CONSUME(Colon);
      this.AT_LEAST_ONE_SEP1({ SEP: Comma, DEF: () => types.push(this.SUBRULE(this.type)) });
    });
    const regions: RegionSyntax[] = [];
    this.MANY(() => regions.push(this.SUBRULE(this.region)));
    const loc = this.OPTION3(() => this.SUBRULE(this.loc)) ?? null;
    return { results, name, operands, attrs, types, regions, loc };
  });

  readonly region = this.RULE('region', (): RegionSyntax => {
    const args =
      this.OPTION(() => {
        this.CONSUME(LeftParen);
        const list = this.#list(() => this.SUBRULE(this.arg));
        this.CONSUME(RightParen);
        return list;
      }) ?? [];
    this.CONSUME(LeftBrace);
    const ops: OpSyntax[] = [];
    this.MANY(() => ops.push(this.SUBRULE(this.op)));
    this.CONSUME(RightBrace);
    return { args, ops };
  });

  readonly arg = this.RULE('arg', (): ArgSyntax => {
    const name = this.CONSUME(Value);
    this.CONSUME(Colon);
    return { name, type: this.SUBRULE(this.type) };
  });

  readonly type = this.RULE('type', (): TypeSyntax => {
    const token = this.OR([{ ALT: () => this.CONSUME(ShapedType) }, { ALT: () => this.CONSUME(Word) }]);
    const layout = this.OPTION(() => {
      const dims: LayoutSyntax[] = [];
      this.CONSUME(At);
      // A word without `[` is the next op.
      this.MANY({
        GATE: () => this.LA(2).tokenType === LeftBracket,
        DEF: () => dims.push(this.SUBRULE(this.layoutDim)),
      });
      return dims;
    });
    return { token, layout: layout ?? null };
  });

  readonly layoutDim = this.RULE('layoutDim', (): LayoutSyntax => {
    const dim = this.CONSUME(Word);
    const bases: IToken[] = [];
    this.CONSUME(LeftBracket);
    this.MANY(() => bases.push(this.OR([{ ALT: () => this.CONSUME1(Word) }, { ALT: () => this.CONSUME(Num) }])));
    this.CONSUME(RightBracket);
    return { dim, bases };
  });

  readonly entries = this.RULE('entries', (): EntrySyntax[] => {
    const entries: EntrySyntax[] = [];
    this.CONSUME(LeftBrace);
    this.AT_LEAST_ONE_SEP({
      SEP: Comma,
      DEF: () => {
        const name = this.SUBRULE(this.name);
        this.CONSUME(Equals);
        entries.push({ name, value: this.SUBRULE(this.value) });
      },
    });
    this.CONSUME(RightBrace);
    return entries;
  });

  readonly value = this.RULE(
    'value',
    (): AttrSyntax =>
      this.OR<AttrSyntax>([
        { ALT: () => this.SUBRULE(this.atom) },
        {
          ALT: () => {
            const open = this.CONSUME(LeftBracket);
            const items = this.#list(() => this.SUBRULE1(this.atom));
            this.CONSUME(RightBracket);
            return { open, items };
          },
        },
      ]),
  );

  readonly atom = this.RULE('atom', () =>
    this.OR([{ ALT: () => this.CONSUME(Num) }, { ALT: () => this.CONSUME(Text) }, { ALT: () => this.CONSUME(Word) }]),
  );

  readonly names = this.RULE('names', () => {
    this.CONSUME(LeftBracket);
    const names = this.#list(() => this.SUBRULE(this.name));
    this.CONSUME(RightBracket);
    return names;
  });

  readonly name = this.RULE('name', () =>
    this.OR([{ ALT: () => this.CONSUME(Word) }, { ALT: () => this.CONSUME(Text) }]),
  );

  readonly loc = this.RULE('loc', (): LocSyntax[] => {
    const chain: LocSyntax[] = [];
    this.CONSUME(Loc);
    this.CONSUME(LeftParen);
    this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => chain.push(this.SUBRULE(this.place)) });
    this.CONSUME(RightParen);
    return chain;
  });

  readonly place = this.RULE('place', (): LocSyntax => {
    const file = this.CONSUME(Text);
    this.CONSUME(Colon);
    const start = this.CONSUME(Num);
    this.CONSUME1(Colon);
    const end = this.CONSUME1(Num);
    const callee = this.OPTION(() => this.SUBRULE(this.name)) ?? null;
    return { file, start, end, callee };
  });
}

let parser: IrParser | undefined;

export interface SyntaxFault {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** Syntax tree of tokens, or the first fault. Nesting must have been limited before: the parser recurses. */
export function parseTokens(tokens: IToken[]): { kernels: KernelSyntax[] } | { fault: SyntaxFault } {
  parser ??= new IrParser();
  parser.input = tokens;
  const kernels = parser.module();
  const error = parser.errors[0];
  if (error === undefined) return { kernels };
  const last = tokens.at(-1);
  // The token at the end of the input has no place: blame the last one.
  const at = Number.isFinite(error.token.startOffset) ? error.token : last;
  const start = at?.startOffset ?? 0;
  return { fault: { message: error.message, start, end: start + (at?.image.length ?? 1) } };
}

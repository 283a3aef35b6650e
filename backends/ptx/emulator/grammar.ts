import {
  createToken,
  EmbeddedActionsParser,
  type IParserErrorMessageProvider,
  type IToken,
  Lexer,
  type TokenType,
  tokenLabel,
} from 'chevrotain';

/**
 * Syntax of the PTX that the emulator reads: one module of kernels without functions (PTX ISA, "Syntax" and
 * "Directives"). What an opcode means, and which operands it takes, is looked up afterwards (decode.ts), so that a new
 * instruction changes nothing here.
 */

const token = (name: string, pattern: RegExp | string, more: { skip?: true; than?: TokenType } = {}): TokenType =>
  createToken({
    name,
    pattern,
    ...(typeof pattern === 'string' ? { label: `\`${pattern}\`` } : {}),
    ...(more.skip ? { group: Lexer.SKIPPED } : {}),
    ...(more.than ? { longer_alt: more.than } : {}),
  });

const Space = token('Space', /[ \t\r\n]+/, { skip: true });
const LineComment = token('LineComment', /\/\/[^\n]*/, { skip: true });
const BlockComment = token('BlockComment', /\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\//, { skip: true });
/** `.b32`, `.global`: types, state spaces and directives without a token of their own. */
const Dotted = token('Directive', /\.[A-Za-z_][A-Za-z0-9_:]*/);
/** An opcode with its modifiers, or an identifier. */
const Word = token('Name', /[A-Za-z_$][A-Za-z0-9_$]*(?:(?:\.|::)[A-Za-z0-9_$]+)*/);
const Register = token('Register', /%[A-Za-z0-9_$]+(?:\.[xyzw])?/);
const Num = token(
  'Number',
  /0[fF][0-9a-fA-F]{8}|0[dD][0-9a-fA-F]{16}|0[xX][0-9a-fA-F]+U?|[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+U?/,
);
const Text = token('String', /"[^"\n\r]*"/);
const directive = (name: string): TokenType => token(`Directive_${name}`, `.${name}`, { than: Dotted });
const [Version, Target, AddressSize, File, Loc] = [
  directive('version'),
  directive('target'),
  directive('address_size'),
  directive('file'),
  directive('loc'),
];
const [Visible, Extern, Weak, Shared, Entry] = [
  directive('visible'),
  directive('extern'),
  directive('weak'),
  directive('shared'),
  directive('entry'),
];
const Section = directive('section');
const [Param, Reg, Align, Ptr, Pragma] = [
  directive('param'),
  directive('reg'),
  directive('align'),
  directive('ptr'),
  directive('pragma'),
];
const [MaxNTid, ReqNTid, MinCtas, MaxNReg] = [
  directive('maxntid'),
  directive('reqntid'),
  directive('minnctapersm'),
  directive('maxnreg'),
];
const [LeftBrace, RightBrace, LeftParen, RightParen, LeftBracket, RightBracket] = [
  token('LeftBrace', '{'),
  token('RightBrace', '}'),
  token('LeftParen', '('),
  token('RightParen', ')'),
  token('LeftBracket', '['),
  token('RightBracket', ']'),
];
const [Less, Greater, Comma, Semicolon, Colon] = [
  token('Less', '<'),
  token('Greater', '>'),
  token('Comma', ','),
  token('Semicolon', ';'),
  token('Colon', ':'),
];
const [At, Not, Bar, Plus, Minus] = [
  token('At', '@'),
  token('Not', '!'),
  token('Bar', '|'),
  token('Plus', '+'),
  token('Minus', '-'),
];
const TOKENS = [
  ...[Space, LineComment, BlockComment, Register, Num, Text],
  ...[Version, Target, AddressSize, File, Loc, Visible, Extern, Weak, Shared, Entry],
  ...[Section, Param, Reg, Align, Ptr, Pragma, MaxNTid, ReqNTid, MinCtas, MaxNReg, Dotted, Word],
  ...[LeftBrace, RightBrace, LeftParen, RightParen, LeftBracket, RightBracket],
  ...[Less, Greater, Comma, Semicolon, Colon, At, Not, Bar, Plus, Minus],
];

export const lexer = new Lexer(TOKENS, { positionTracking: 'onlyStart', recoveryEnabled: false });
export const opensBlock = (t: IToken): boolean => t.tokenType === LeftBrace;
export const closesBlock = (t: IToken): boolean => t.tokenType === RightBrace;

export type OperandSyntax =
  | { readonly kind: 'name'; readonly token: IToken }
  | { readonly kind: 'not'; readonly token: IToken }
  | { readonly kind: 'number'; readonly token: IToken; readonly negative: boolean }
  | { readonly kind: 'vector'; readonly token: IToken; readonly items: readonly OperandSyntax[] }
  /** `%r|%p`: a result and the predicate beside it. */
  | { readonly kind: 'pair'; readonly token: IToken; readonly first: IToken; readonly second: IToken }
  | { readonly kind: 'address'; readonly token: IToken; readonly base: IToken; readonly offset: number };
export interface VariableSyntax {
  readonly name: IToken;
  readonly type: IToken;
  readonly align: number;
  /** Elements; null without brackets, 0 with empty ones. */
  readonly count: number | null;
}
export type StatementSyntax =
  | { readonly kind: 'registers'; readonly type: IToken; readonly names: readonly RegisterSyntax[] }
  | { readonly kind: 'shared'; readonly variable: VariableSyntax }
  | { readonly kind: 'loc'; readonly file: number; readonly line: number; readonly column: number }
  | { readonly kind: 'label'; readonly name: IToken }
  | { readonly kind: 'block'; readonly body: readonly StatementSyntax[] }
  | {
      readonly kind: 'instruction';
      readonly opcode: IToken;
      readonly predicate: { readonly token: IToken; readonly negated: boolean } | null;
      readonly operands: readonly OperandSyntax[];
    };
/** `%r<8>` declares %r0 to %r7; `count` is null for a single name. */
export interface RegisterSyntax {
  readonly name: IToken;
  readonly count: number | null;
}
export interface EntrySyntax {
  readonly name: IToken;
  readonly params: readonly VariableSyntax[];
  /** Of .maxntid or .reqntid. */
  readonly block: readonly number[] | null;
  readonly body: readonly StatementSyntax[];
}
export interface ModuleSyntax {
  version: string;
  target: string;
  readonly files: Map<number, string>;
  readonly shared: VariableSyntax[];
  readonly entries: EntrySyntax[];
}

const found = (t: IToken | undefined): string =>
  t === undefined || t.image === '' ? 'the end of the text' : `\`${t.image.slice(0, 40)}\``;
const oneOf = (paths: readonly (readonly TokenType[])[]): string =>
  [...new Set(paths.flatMap((path) => path.slice(0, 1).map(tokenLabel)))].join(' or ');
const MESSAGES: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) => `expected ${tokenLabel(expected)}, found ${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) => `expected a directive, found ${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ expectedPathsPerAlt, actual }) =>
    `expected ${oneOf(expectedPathsPerAlt.flat())}, found ${found(actual[0])}`,
  buildEarlyExitMessage: ({ expectedIterationPaths, actual }) =>
    `expected ${oneOf(expectedIterationPaths)}, found ${found(actual[0])}`,
};

class PtxParser extends EmbeddedActionsParser {
  constructor() {
    super(TOKENS, { maxLookahead: 2, recoveryEnabled: false, errorMessageProvider: MESSAGES });
    this.performSelfAnalysis();
  }

  readonly module = this.RULE('module', () => {
    const m: ModuleSyntax = { version: '', target: '', files: new Map(), shared: [], entries: [] };
    this.MANY(() => this.SUBRULE(this.directive, { ARGS: [m] }));
    return m;
  });

  readonly directive = this.RULE('directive', (m: ModuleSyntax) => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(Version);
          const { image } = this.CONSUME(Num);
          this.ACTION(() => {
            m.version = image;
          });
        },
      },
      {
        ALT: () => {
          this.CONSUME(Target);
          const { image } = this.CONSUME(Word);
          this.ACTION(() => {
            m.target = image;
          });
          this.MANY(() => {
            this.CONSUME(Comma);
            this.CONSUME1(Word);
          });
        },
      },
      {
        ALT: () => {
          this.CONSUME(AddressSize);
          this.CONSUME1(Num);
        },
      },
      {
        ALT: () => {
          this.CONSUME(File);
          const index = this.SUBRULE(this.integer);
          const name = this.CONSUME(Text).image.slice(1, -1);
          this.MANY1(() => {
            this.CONSUME1(Comma);
            this.SUBRULE1(this.integer);
          });
          this.ACTION(() => m.files.set(index, name));
        },
      },
      { ALT: () => this.SUBRULE(this.section) },
      { ALT: () => this.SUBRULE(this.global, { ARGS: [m] }) },
    ]);
  });

  /** Debug information of compilers: names of inlined functions. It is skipped. */
  readonly section = this.RULE('section', () => {
    this.CONSUME(Section);
    this.CONSUME(Dotted);
    this.CONSUME(LeftBrace);
    this.MANY(() =>
      this.OR([
        { ALT: () => this.CONSUME(Word) },
        { ALT: () => this.CONSUME1(Dotted) },
        { ALT: () => this.CONSUME(Num) },
        { ALT: () => this.CONSUME(Colon) },
        { ALT: () => this.CONSUME(Comma) },
        { ALT: () => this.CONSUME(Plus) },
        { ALT: () => this.CONSUME(Minus) },
      ]),
    );
    this.CONSUME(RightBrace);
  });

  readonly global = this.RULE('global', (m: ModuleSyntax) => {
    this.OPTION(() =>
      this.OR([
        { ALT: () => this.CONSUME(Visible) },
        { ALT: () => this.CONSUME(Weak) },
        { ALT: () => this.CONSUME(Extern) },
      ]),
    );
    this.OR1([
      {
        ALT: () => {
          const variable = this.SUBRULE(this.sharedVariable);
          this.ACTION(() => m.shared.push(variable));
        },
      },
      {
        ALT: () => {
          const entry = this.SUBRULE(this.entry);
          this.ACTION(() => m.entries.push(entry));
        },
      },
    ]);
  });

  readonly sharedVariable = this.RULE('sharedVariable', (): VariableSyntax => {
    this.CONSUME(Shared);
    const variable = this.SUBRULE(this.variable);
    this.CONSUME(Semicolon);
    return variable;
  });

  /** `.align 8 .b8 name[64]`, alignment before or after the type; `.ptr .global .align 16` of parameters says nothing. */
  readonly variable = this.RULE('variable', (): VariableSyntax => {
    let align = 0;
    let type: IToken | undefined;
    this.AT_LEAST_ONE(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(Align);
            align = this.SUBRULE(this.integer);
          },
        },
        { ALT: () => this.CONSUME(Ptr) },
        {
          ALT: () => {
            const t = this.CONSUME(Dotted);
            type ??= t;
          },
        },
      ]),
    );
    const name = this.CONSUME(Word);
    let count: number | null = null;
    this.OPTION(() => {
      this.CONSUME(LeftBracket);
      count = this.OPTION1(() => this.SUBRULE1(this.integer)) ?? 0;
      this.CONSUME(RightBracket);
    });
    return { name, type: type ?? name, align, count };
  });

  readonly entry = this.RULE('entry', (): EntrySyntax => {
    this.CONSUME(Entry);
    const name = this.CONSUME(Word);
    const params: VariableSyntax[] = [];
    this.CONSUME(LeftParen);
    this.MANY_SEP({
      SEP: Comma,
      DEF: () => {
        this.CONSUME(Param);
        params.push(this.SUBRULE(this.variable));
      },
    });
    this.CONSUME(RightParen);
    let block: number[] | null = null;
    this.MANY(() => {
      const limits = this.SUBRULE(this.bound);
      block = limits ?? block;
    });
    const body = this.SUBRULE(this.block);
    return { name, params, block, body };
  });

  readonly bound = this.RULE('bound', (): number[] | null => {
    const isBlock = this.OR([
      { ALT: () => this.CONSUME(MaxNTid) && true },
      { ALT: () => this.CONSUME(ReqNTid) && true },
      { ALT: () => this.CONSUME(MinCtas) && false },
      { ALT: () => this.CONSUME(MaxNReg) && false },
    ]);
    const values: number[] = [];
    this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => values.push(this.SUBRULE(this.integer)) });
    return isBlock ? values : null;
  });

  readonly block = this.RULE('block', (): StatementSyntax[] => {
    const body: StatementSyntax[] = [];
    this.CONSUME(LeftBrace);
    this.MANY(() => {
      const s = this.SUBRULE(this.statement);
      if (s !== null) body.push(s);
    });
    this.CONSUME(RightBrace);
    return body;
  });

  readonly statement = this.RULE('statement', (): StatementSyntax | null =>
    this.OR<StatementSyntax | null>([
      { ALT: () => this.SUBRULE(this.instruction) },
      {
        ALT: () => {
          const name = this.CONSUME(Word);
          this.CONSUME(Colon);
          return { kind: 'label', name };
        },
      },
      { ALT: () => this.SUBRULE(this.location) },
      { ALT: () => this.SUBRULE(this.registers) },
      { ALT: () => ({ kind: 'shared', variable: this.SUBRULE(this.sharedVariable) }) },
      { ALT: () => ({ kind: 'block', body: this.SUBRULE(this.block) }) },
      {
        ALT: () => {
          this.CONSUME(Pragma);
          this.CONSUME(Text);
          this.CONSUME(Semicolon);
          return null;
        },
      },
    ]),
  );

  readonly location = this.RULE('location', (): StatementSyntax => {
    this.CONSUME(Loc);
    const file = this.SUBRULE(this.integer);
    const line = this.SUBRULE1(this.integer);
    const column = this.SUBRULE2(this.integer);
    this.OPTION(() => {
      this.CONSUME(Comma);
      this.CONSUME(Word);
      this.CONSUME1(Word);
      this.OPTION1(() => {
        this.CONSUME(Plus);
        this.SUBRULE3(this.integer);
      });
      this.CONSUME1(Comma);
      this.CONSUME2(Word);
      this.AT_LEAST_ONE(() => this.SUBRULE4(this.integer));
    });
    return { kind: 'loc', file, line, column };
  });

  readonly registers = this.RULE('registers', (): StatementSyntax => {
    this.CONSUME(Reg);
    const type = this.CONSUME(Dotted);
    const names: RegisterSyntax[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: Comma,
      DEF: () => {
        const name = this.SUBRULE(this.name);
        const count = this.OPTION(() => {
          this.CONSUME(Less);
          const n = this.SUBRULE(this.integer);
          this.CONSUME(Greater);
          return n;
        });
        names.push({ name, count: count ?? null });
      },
    });
    this.CONSUME(Semicolon);
    return { kind: 'registers', type, names };
  });

  readonly instruction = this.RULE('instruction', (): StatementSyntax => {
    const predicate = this.OPTION(() => {
      this.CONSUME(At);
      const negated = this.OPTION1(() => this.CONSUME(Not)) !== undefined;
      return { token: this.SUBRULE(this.name), negated };
    });
    const opcode = this.CONSUME(Word);
    const operands: OperandSyntax[] = [];
    this.MANY_SEP({ SEP: Comma, DEF: () => operands.push(this.SUBRULE(this.operand)) });
    this.CONSUME(Semicolon);
    return { kind: 'instruction', opcode, predicate: predicate ?? null, operands };
  });

  readonly operand = this.RULE(
    'operand',
    (): OperandSyntax =>
      this.OR<OperandSyntax>([
        {
          ALT: () => {
            const first = this.SUBRULE(this.name);
            const second = this.OPTION(() => {
              this.CONSUME(Bar);
              return this.SUBRULE1(this.name);
            });
            return second === undefined
              ? { kind: 'name', token: first }
              : { kind: 'pair', token: first, first, second };
          },
        },
        {
          ALT: () => {
            const negative = this.OPTION1(() => this.CONSUME(Minus)) !== undefined;
            return { kind: 'number', token: this.CONSUME(Num), negative };
          },
        },
        {
          ALT: () => {
            this.CONSUME(Not);
            return { kind: 'not', token: this.SUBRULE2(this.name) };
          },
        },
        {
          ALT: () => {
            const token = this.CONSUME(LeftBrace);
            const items: OperandSyntax[] = [];
            this.AT_LEAST_ONE_SEP({ SEP: Comma, DEF: () => items.push(this.SUBRULE(this.operand)) });
            this.CONSUME(RightBrace);
            return { kind: 'vector', token, items };
          },
        },
        { ALT: () => this.SUBRULE(this.address) },
      ]),
  );

  readonly address = this.RULE('address', (): OperandSyntax => {
    const token = this.CONSUME(LeftBracket);
    const base = this.SUBRULE(this.name);
    let offset = 0;
    this.OPTION(() => {
      const sign = this.OR([{ ALT: () => this.CONSUME(Plus) && 1 }, { ALT: () => this.CONSUME(Minus) && -1 }]);
      const minus = this.OPTION1(() => this.CONSUME1(Minus)) !== undefined;
      offset = this.SUBRULE(this.integer) * sign * (minus ? -1 : 1);
    });
    this.CONSUME(RightBracket);
    return { kind: 'address', token, base, offset };
  });

  readonly name = this.RULE('name', () =>
    this.OR([{ ALT: () => this.CONSUME(Register) }, { ALT: () => this.CONSUME(Word) }]),
  );

  readonly integer = this.RULE('integer', () => Number(this.CONSUME(Num).image.replace(/U$/, '')));
}

let parser: PtxParser | undefined;

export interface SyntaxFault {
  readonly message: string;
  readonly line: number;
}

/** Syntax tree of tokens, or the first fault. Nesting must have been limited before: the parser recurses. */
export function parseTokens(tokens: IToken[]): { module: ModuleSyntax } | { fault: SyntaxFault } {
  parser ??= new PtxParser();
  parser.input = tokens;
  const module = parser.module();
  const error = parser.errors[0];
  if (error === undefined) return { module };
  const last = tokens.at(-1)?.startLine ?? 1;
  // The token at the end of the input has no place: blame the last one.
  const at = error.token.startLine;
  return { fault: { message: error.message, line: at !== undefined && Number.isFinite(at) ? at : last } };
}

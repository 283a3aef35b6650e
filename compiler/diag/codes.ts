/**
 * Every diagnostic code, in one place. Codes are stable: never renumber, never reuse.
 *   00xx files, limits, general      01xx syntax that the language does not have     02xx shapes, dtypes, values
 *   03xx kernel declarations         04xx IR text and verifier                       05xx backend and target limits
 *   06xx launch: arguments, shapes   07xx devices and drivers                        08xx run-time traps (`interpret`)
 *   09xx command line
 */
export interface CodeInfo {
  readonly title: string;
  /** Long form, for `lac explain`: what it means, why it is a rule. */
  readonly explain: string;
  readonly wrong?: string;
  readonly right?: string;
}

export const CODES = {
  LAC0001: {
    title: 'file cannot be read',
    explain: 'The file named on the command line, or imported by a kernel, does not exist or cannot be opened.',
  },
  LAC0002: {
    title: 'file too large',
    explain: 'Source files are read up to 1 MiB. A kernel is a page of text; a larger file is something else.',
  },
  LAC0003: {
    title: 'source nested too deeply',
    explain:
      'More than 128 brackets are open at once, or the expression tree is deeper than 512. Parsers and compilers are recursive, and this bound keeps them from overflowing their stack.',
    wrong: '((((((((((((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))))))))))))))',
    right: 'const y = x + 1;\nconst z = y * y;',
  },
  LAC0004: {
    title: 'import not found',
    explain:
      'The file named in an import does not exist. Write relative paths as TypeScript does: ./decay.js stands for ./decay.ts.',
    wrong: "import { decay } from './deacy.js';",
    right: "import { decay } from './decay.js';",
  },
  LAC0005: {
    title: 'import outside the project',
    explain:
      'Helpers are read from files inside the project root only (the nearest folder with package.json or .git), with symbolic links resolved, so that compiling a foreign kernel cannot read other files of the machine.',
    wrong: "import { decay } from '../../../elsewhere/decay.js';",
    right: "import { decay } from './decay.js';",
  },
  LAC0006: {
    title: 'kernels cannot use packages',
    explain: 'A kernel is compiled from source. Its functions come from the language and from files of the project.',
    wrong: "import { sum } from 'lodash';",
    right: "import { sum } from 'lac';",
  },
  LAC0007: {
    title: 'kernel too large',
    explain:
      'Unrolled loops and inlined calls made this kernel larger than the compiler takes (200,000 evaluated nodes, 64 calls inlined in one another, 1000 nested evaluations).',
    wrong: 'for (const i of range(10_000_000, { unroll: true })) x += i;',
    right: 'for (const i of range(10_000_000)) x += i;',
  },

  // ---- 01xx syntax
  LAC0101: {
    title: 'syntax error',
    explain:
      'The file is no TypeScript. The message is that of the TypeScript parser. A name that one block declares twice is a syntax error too.',
    wrong: 'const x = (1 + 2;',
    right: 'const x = (1 + 2);',
  },
  LAC0102: {
    title: 'not built yet',
    explain:
      'The language declares this, and the compiler does not compile it yet. The help says what works today. Nothing in this version gives this code: all of the language is compiled.',
  },
  LAC0103: {
    title: 'construct that kernels do not have',
    explain:
      'Kernels are a small part of TypeScript: const, let, if, for of range(), arithmetic, calls of functions whose source is visible, arrays and object literals. Everything has a meaning on a GPU.',
    wrong: 'try { x = f(x); } catch {}',
    right: 'x = f(x);',
  },
  LAC0104: {
    title: 'unknown name',
    explain: 'No variable, parameter, module constant, function or import has this name where it is used.',
    wrong: 'const p = epx(x);',
    right: 'const p = exp(x);',
  },
  LAC0105: {
    title: 'recursion',
    explain: 'Calls are inlined, so a function cannot call itself, directly or through others.',
    wrong: 'const pow = (x, n) => (n === 0 ? 1 : x * pow(x, n - 1));',
    right: 'let y = full([C], 1, f32);\nfor (const _ of range(n)) y = y * x;',
  },
  LAC0106: {
    title: 'function uses a variable of the code around it',
    explain:
      'Functions see constants and their own arguments. A `let` of the code around them could have any value by the time of the call, so it is passed in and the new value is returned.',
    wrong: 'let acc = zeros([C], f32);\nconst add = (x) => { acc = acc + x; };',
    right: 'let acc = zeros([C], f32);\nconst add = (acc, x) => acc + x;\nacc = add(acc, x);',
  },
  LAC0107: {
    title: 'not assignable',
    explain:
      'Only `let` variables and parameters can be assigned. Tiles, arrays and objects are values: nothing changes one in place.',
    wrong: 'const m = max(s, 1);\nm = m + 1;',
    right: 'let m = max(s, 1);\nm = m + 1;',
  },
  LAC0108: {
    title: 'loop that is not over a range',
    explain: 'Loops run over range(...), or over an array known at compile time.',
    wrong: 'for (const x of tile) s += x;',
    right: 'const s = sum(tile, 0);',
  },
  LAC0109: {
    title: 'call that does not fit',
    explain: 'What is called is no function, or the number of arguments is wrong.',
    wrong: 'zeros([C])',
    right: 'zeros([C], f32)',
  },
  LAC0110: {
    title: 'unknown property, option or element',
    explain:
      'Views have at, load, get, store, slice and dtype; tiles have none; objects and arrays have what they were written with.',
    wrong: 'x.T',
    right: 'trans(x)',
  },
  LAC0112: {
    title: 'name not exported',
    explain: 'The imported file, or the language, exports no such name.',
    wrong: "import { rowsum } from 'lac';",
    right: "import { sum } from 'lac';",
  },
  LAC0113: {
    title: 'value must be known at compile time',
    explain:
      'Extents of tiles, axes, bounds of unrolled loops, pads and arguments of Math functions are literals, block sizes, comptime dimensions and arithmetic on them.',
    wrong: 'const t = zeros([N], f32);              // N is known at launch',
    right: 'for (const n of range(0, N, C)) { const t = zeros([C], f32); }',
  },
  LAC0114: {
    title: 'tile outside a kernel',
    explain:
      'Module constants and declarations are computed at compile time; tiles exist only in the body of a kernel and in functions that it calls.',
    wrong: 'const ZERO = zeros([64], f32);',
    right: 'const zero = () => zeros([64], f32);',
  },
  LAC0115: {
    title: 'constant defined in terms of itself',
    explain: 'The value of a module constant, or what a file re-exports, leads back to itself.',
    wrong: 'const A = B + 1;\nconst B = A + 1;',
    right: 'const A = 1;\nconst B = A + 1;',
  },
  LAC0116: {
    title: 'exit that there is not',
    explain:
      'continue ends a trip of the loop around it, return a function; both may stand under a run-time condition. A loop on the device ends by its range or its condition: neither break nor return leaves it. A function that returns a value returns one on all of its paths.',
    wrong: 'for (const i of range(n)) {\n  if (x.get(i) === key) break;\n}',
    right: 'let i = cast(0, i32);\nwhile (i < n && x.get(i) !== key) i += 1;',
  },
  LAC0117: {
    title: 'loop that never ends',
    explain:
      'The condition of this while is true whatever the body assigns. Nothing but its condition ends a loop on the device.',
    wrong: 'while (true) i += 1;',
    right: 'while (i < n) i += 1;',
  },

  // ---- 02xx shapes, dtypes, values
  LAC0201: {
    title: 'shapes do not broadcast',
    explain: 'Extents along each axis must be equal, or 1 on one side.',
    wrong: 'const a = t + trans(t);                 // [BM, BN] + [BN, BM]',
    right: 'const a = t + t;',
  },
  LAC0202: {
    title: 'ranks differ',
    explain:
      'Unlike NumPy, broadcasting never inserts axes: [N] + [M, N] would silently mean rows. col() and row() say which is meant. Scalars go with any rank.',
    wrong: 'const b = t - max(t, 1);                // [BM, BN] - [BM]',
    right: 'const b = t - col(max(t, 1));',
  },
  LAC0203: {
    title: 'operand is not a number',
    explain: 'Operators take numbers, masks and tiles.',
    wrong: "const c = t + 'x';",
    right: 'const c = t + 1;',
  },
  LAC0204: {
    title: '/ on integers',
    explain:
      '/ divides floats. Of two integers it would give a float in JavaScript, and an integer in C; idiv() says which is meant.',
    wrong: 'const half = m / 2;',
    right: 'const half = idiv(m, 2);',
  },
  LAC0205: {
    title: 'dtypes that do not mix',
    explain:
      'i32 and u32, and masks and numbers, mix only through a cast. Integers with floats give f32; floats of different dtypes give f32.',
    wrong: 'const c = (i < N) + 1;',
    right: 'const c = cast(i < N, i32) + 1;',
  },
  LAC0206: {
    title: 'literal does not fit',
    explain:
      'A literal takes the dtype of the other operand. For an integer dtype it must be whole and in range; for a float dtype finite literals must stay finite.',
    wrong: 'const j = i + 0.5;                      // i is i32',
    right: 'const j = cast(i, f32) + 0.5;',
  },
  LAC0207: {
    title: 'value without a dtype',
    explain: 'Literals have no dtype of their own. Where nothing else gives one, cast() does.',
    wrong: 'const m = where(i < N, 1, 0);',
    right: 'const m = cast(i < N, f32);',
  },
  LAC0208: {
    title: 'branch on a tile',
    explain: '`if` branches the whole program, so its condition is one value. Lanes are chosen by where().',
    wrong: 'if (t > 0) t = t * 2;',
    right: 't = where(t > 0, t * 2, t);',
  },
  LAC0209: {
    title: 'condition is not a mask',
    explain: 'Conditions are masks (comparisons) and options. Numbers are not true or false.',
    wrong: 'if (N % C) y = x;',
    right: 'if (N % C !== 0) y = x;',
  },
  LAC0210: {
    title: 'variable changes its type',
    explain:
      'A variable that a run-time loop or `if` assigns keeps its shape and dtype, since it may or may not be assigned.',
    wrong: 'let acc = zeros([C, D], f32);\nfor (const n of range(0, N, C)) acc = dot(q, trans(k));   // [C, C]',
    right: 'let acc = zeros([C, C], f32);\nfor (const n of range(0, N, C)) acc = dot(q, trans(k));',
  },
  LAC0211: {
    title: 'operands of dot do not fit',
    explain: 'dot(a, b) multiplies [M, K] by [K, N] of one float dtype, with an accumulator [M, N] of f32.',
    wrong: 'dot(q, k)                               // [C, D] by [C, D]',
    right: 'dot(q, trans(k))',
  },
  LAC0212: {
    title: 'function of another dtype',
    explain: 'exp, log, sqrt and the like take floats; idiv and cdiv integers; bitcast values of 32 bits.',
    wrong: 'const w = exp(iota(C));',
    right: 'const w = exp(cast(iota(C), f32));',
  },
  LAC0213: {
    title: 'axis that does not exist',
    explain: 'Axes are counted from 0; a tile of rank 2 has the axes 0 and 1.',
    wrong: 'sum(t, 2)                               // t is [BM, BN]',
    right: 'sum(t, 1)',
  },
  LAC0214: {
    title: 'value of another rank',
    explain: 'col and row take vectors, trans a matrix, expand a value of rank 0 to 2.',
    wrong: 'row(q)                                  // q is [C, D]',
    right: 'row(sum(q, 1))',
  },
  LAC0215: {
    title: 'extent that no tile can have',
    explain: 'Tiles have rank 0 to 3, whole extents from 1 to 65,536, and at most 1,048,576 elements.',
    wrong: 'zeros([BK / 3], f32)                    // BK = 32',
    right: 'zeros([BK / 4], f32)',
  },
  LAC0216: {
    title: 'origin or index that does not fit',
    explain:
      'An origin has one i32 scalar for each axis of the view or tile; gather and scatter take i32 or u32 scalars and tiles, one for each axis; at() fixes at most as many axes as there are; bounds of a range are i32.',
    wrong: 'Q.load([n], [C, D])',
    right: 'Q.load([n, 0], [C, D])',
  },
  LAC0217: {
    title: 'output read',
    explain:
      'An output holds nothing before the launch, and programs run in any order: what it holds is known to nobody before the launch ends. Atomic additions read what they add to. An argument that is read and written is inout().',
    wrong: 'o.load([0], [C])                        // o is an output',
    right: 'o.store([0], x);',
  },
  LAC0218: {
    title: 'input written',
    explain: 'Inputs are read-only, and may overlap each other.',
    wrong: 'q.store([0], x)                         // q is an input',
    right: 'o.store([0], x)',
  },
  LAC0219: {
    title: 'stored value has another rank than the view',
    explain: 'store() writes a tile of the rank of its view; an axis of extent 1 is written as 1.',
    wrong: 'O.store([n, 0], sum(q, 1))              // [C] into a matrix',
    right: 'O.store([n, 0], col(sum(q, 1)))',
  },
  LAC0220: {
    title: 'not a dtype',
    explain: 'dtypes are the values f32, f16, bf16, i32, u32 and dtype parameters, not strings.',
    wrong: "cast(q, 'f32')",
    right: 'cast(q, f32)',
  },
  LAC0221: {
    title: 'reshape to another size',
    explain: 'reshape keeps the elements, so both shapes have the same number of them.',
    wrong: 'reshape(iota(8), [4, 4])',
    right: 'reshape(iota(16), [4, 4])',
  },
  LAC0222: {
    title: 'argument of another kind',
    explain: 'A tile, view, number, shape or option was expected, and something else was given.',
    wrong: 'exp(q)                                  // q is a view',
    right: 'exp(q.load([0], [C]))',
  },
  LAC0223: {
    title: 'division by zero or step that is not positive',
    explain: 'Integers are not divided by a constant 0; ranges ascend, { reverse: true } walks one backwards.',
    wrong: 'range(N, 0, -1)',
    right: 'range(0, N, 1, { reverse: true })',
  },
  LAC0224: {
    title: 'difference of two -Infinity',
    explain:
      'exp(x - m) is NaN where x and m are both -Infinity, and 1 on devices without infinities: a row of which nothing was kept so far. Shift by 0 in such rows.',
    wrong: 'const p = exp(s - col(m));',
    right: 'const shift = where(m === -Infinity, 0, m);\nconst p = exp(s - col(shift));',
  },
  LAC0225: {
    title: 'mask used as a number',
    explain: 'Masks take && || ! === !== and where(). cast(m, i32) makes 1 and 0 of one.',
    wrong: 'const m = (i < N) & (i > 0);',
    right: 'const m = i < N && i > 0;',
  },
  LAC0226: {
    title: 'bits of a float',
    explain: '& | ^ ~ << >> >>> work on i32 and u32.',
    wrong: 'const b = x >> 3;                       // x is f32',
    right: 'const b = bitcast(x, u32) >> 3;',
  },
  LAC0227: {
    title: 'atomic addition on a dtype that has none',
    explain: 'atomicAdd and scatterAdd add f32, i32 and u32: devices have no others in common.',
    wrong: "args: { h: inout(f16, ['N']) }           // h.atomicAdd([0], x)",
    right: "args: { h: inout(f32, ['N']) }",
  },
  LAC0228: {
    title: 'part that leaves its tile',
    explain:
      'slice() and insert() take a part that lies in the tile: 0 <= origin and origin + extent <= the extent of the tile, on every axis. A constant origin is checked here, one known at run time by `interpret`.',
    wrong: 'slice(x, [C, 0], [1, D])                // x is [C, D]',
    right: 'slice(x, [C - 1, 0], [1, D])',
  },
  LAC0229: {
    title: 'sum of floats in an order that nobody knows',
    explain:
      'Atomic additions come in the order in which programs and lanes happen to reach them, and float sums depend on their order: the last bits vary from run to run. Integer sums do not.',
    wrong: 'total.atomicAdd([0], reshape(sum(x, 0), [1]));',
    right: 'parts.store([n], reshape(sum(x, 0), [1]));    // and a second launch adds the parts',
  },
  LAC0230: {
    title: 'combining function that does not fit',
    explain:
      'The function of scan() and reduce() gets one lane of each tile from either side and returns one for each, of the dtype of its tile. It is arithmetic on scalars: it sees no other lanes, no memory, and runs no loops. The order of the calls is unspecified, so it must be associative.',
    wrong: 'reduce(x, 0, (a, b) => a + sum(t, 0));',
    right: 'const s = sum(t, 0);\nreduce(x, 0, (a, b) => maximum(a, b)) + s;',
  },
  LAC0231: {
    title: 'combining function that is not associative',
    explain:
      'scan() and reduce() group their lanes as suits the device: (a - b) - c and a - (b - c) would both have to be right. Differences and quotients of the two sides are never associative.',
    wrong: 'reduce(x, 0, (a, b) => a - b);',
    right: 'reduce(x, 0, (a, b) => a + b);',
  },

  // ---- 03xx declarations
  LAC0301: {
    title: 'declaration incomplete',
    explain:
      'kernel() takes { args, grid } and, if wanted, comptime, options, tune, prune, prefer and tuneKey; plan() takes { args } and, if wanted, tune, prune, tuneKey and temps.',
    wrong: "kernel({ args: { x: input(f32, ['N']) } }, body)",
    right: "kernel({ args: { x: input(f32, ['N']) }, grid: ({ N }) => ({ n: N }) }, body)",
  },
  LAC0302: {
    title: 'argument declaration that does not fit',
    explain:
      'An argument is input(dtype, dims), output(dtype, dims), inout(dtype, dims) for what is changed in place, or scalar(dtype); the dimensions are names.',
    wrong: 'args: { x: f32 }',
    right: "args: { x: input(f32, ['N']) }",
  },
  LAC0303: {
    title: 'comptime names no dimension',
    explain: 'comptime lists dimensions of the arguments, which get a fixed size in each variant.',
    wrong: "args: { q: input(f32, ['N', 'D']) }, comptime: ['E']",
    right: "args: { q: input(f32, ['N', 'D']) }, comptime: ['D']",
  },
  LAC0304: {
    title: 'knob that does not fit',
    explain: 'Every knob of `tune` lists the different whole numbers >= 1 that it may have.',
    wrong: 'tune: { C: 64 }',
    right: 'tune: { C: [32, 64] }',
  },
  LAC0305: {
    title: 'unknown size, knob, option, argument or program axis',
    explain:
      'The functions of a declaration see the dimensions and knobs; the body sees the arguments, then sizes, knobs and options, then the axes of the grid.',
    wrong: 'grid: ({ M }) => ({ n: M })             // no argument has M',
    right: 'grid: ({ N }) => ({ n: N })',
  },
  LAC0306: {
    title: 'not arithmetic on sizes',
    explain:
      'grid, prune, prefer and tuneKey are kept as data that Python, C and a browser can evaluate: + - * / % ** comparisons && || ! ?: cdiv idiv minimum maximum and Math.min, max, floor, ceil, sqrt, log2, abs.',
    wrong: 'prune: ({ C }) => { if (C > 64) return false; return true; }',
    right: 'prune: ({ C }) => C <= 64',
  },
  LAC0307: {
    title: 'option that does not fit',
    explain:
      'Options are true, false, numbers or functions; `.with` gives an existing option another value of its kind.',
    wrong: 'flashFwd.with({ casual: true })',
    right: 'flashFwd.with({ causal: true })',
  },
  LAC0308: {
    title: 'kernel not exported',
    explain:
      'Kernels are found by the name they are exported under: constants at the top level of a file. One that a function makes, that an object holds, that is the default export or a `let` has no such name.',
    wrong: 'const copy = kernel({ ... });',
    right: 'export const copy = kernel({ ... });',
  },
  LAC0309: {
    title: 'prune rejects every configuration',
    explain: 'No combination of the knobs passed `prune` at the sizes that were tried, so the kernel may never run.',
    wrong: 'tune: { C: [32, 64] }, prune: ({ C }) => C > 64',
    right: 'tune: { C: [32, 64, 128] }, prune: ({ C }) => C > 64',
  },
  LAC0310: {
    title: 'dtype parameter that does not fit',
    explain: 'A dtype parameter has a name and a list of different dtypes, and is the dtype of an argument.',
    wrong: "const T = dtypes('T', f16, f16);",
    right: "const T = dtypes('T', f16, bf16);",
  },
  LAC0312: {
    title: 'one name for two things',
    explain: 'Dimensions, knobs and options of a kernel share one list of names.',
    wrong: "args: { x: input(f32, ['C']) }, tune: { C: [32] }",
    right: "args: { x: input(f32, ['N']) }, tune: { C: [32] }",
  },
  LAC0313: {
    title: 'declared without effect',
    explain:
      'An output that no variant of the kernel writes keeps what its memory held. A knob or an option that neither the body nor grid, prune, prefer or tuneKey names changes nothing; only `warps` and `stages` mean something by themselves. A call whose tile nobody uses does nothing: tiles are values, insert(x, [0], part) leaves x as it is.',
    wrong: 'tune: { C: [32], num_warps: [4] }',
    right: 'tune: { C: [32], warps: [4] }',
  },
  LAC0314: {
    title: 'temporary that does not fit',
    explain:
      '`temps` of a plan gives an object of temp(dtype, shape, { fill }): extents are arithmetic on dimensions and knobs, fill is a number.',
    wrong: 'temps: ({ N }) => ({ partial: [N, 4] })',
    right: 'temps: ({ N }) => ({ partial: temp(f32, [N, 4]) })',
  },
  LAC0315: {
    title: 'construct that plans do not have',
    explain:
      'A plan is read and stored as data: its body holds const, if and else on sizes and knobs, and run(kernel, args). What computes belongs in a kernel, what decides by values in the host program.',
    wrong: 'for (let i = 0; i < 3; i++) run(step, { x, y });',
    right: 'run(step, { x, y: t });\nrun(step, { x: t, y });',
  },
  LAC0316: {
    title: 'run that does not fit its kernel',
    explain:
      'run(kernel, { argument: value }, { config }) gives every argument of the kernel once: tensors get an argument or a temporary of the plan, or null; scalars get arithmetic on sizes, knobs and scalar arguments of the plan. config gives knobs of the kernel.',
    wrong: 'run(scale, { x, out: y });               // its output is y',
    right: 'run(scale, { x, y, factor: N });',
  },
  LAC0317: {
    title: 'tensor that a run cannot pass on',
    explain:
      'The tensor has another dtype or rank than the argument of the kernel, one dimension of the kernel would have two sizes, a kernel would write to an input of the plan, or one tensor would be written and used through another argument too.',
    wrong: 'run(scale, { x: y, y: x });              // x is an input of the plan',
    right: 'run(scale, { x, y });',
  },
  LAC0318: {
    title: 'view that a plan cannot take',
    explain:
      'In a plan, x.reshape([...]) is x in another shape, in row-major order, x.permute([...]) has its axes in another order, and x.slice(begin, end) is a part of the first axis. Extents and bounds are whole numbers or arithmetic on dimensions and knobs. Nothing is copied.',
    wrong: 'run(gemm, { a: x.reshape(B * N, K), b: w, y });',
    right: 'run(gemm, { a: x.reshape([B * N, K]), b: w, y });',
  },

  // ---- 04xx IR text and verifier
  LAC0401: {
    title: 'IR text cannot be read',
    explain:
      'Textual IR is `%r = op %a, %b {attr = value} : type`, with regions in braces; this text breaks that form. ' +
      'The printed output of `lac ir` always reads back.',
    wrong: '%s = add %a %b : f32',
    right: '%s = add %a, %b : f32',
  },
  LAC0402: {
    title: 'IR over a limit',
    explain:
      'Text, nesting, number of ops, rank, extents and sizes of tiles are limited, so that IR from anywhere ends in a ' +
      'message instead of a crash. The limits stand in compiler/ir/limits.ts, far above what a kernel needs.',
  },
  LAC0403: {
    title: 'unknown op or type in IR',
    explain: 'The op table (compiler/ops/table.ts) has no op of this name, or the text of a type is not one.',
    wrong: '%s = plus %a, %b : f32',
    right: '%s = add %a, %b : f32',
  },
  LAC0404: {
    title: 'value not defined where it is used',
    explain:
      'A value is defined once, and used after that in the same region or in regions inside. Results of a region leave it through `yield` only.',
    wrong: 'if %c { %x = const {value = 1} : f32 yield } { yield }\n%y = neg %x : f32',
    right:
      '%x = if %c : f32 { %a = const {value = 1} : f32 yield %a } { %b = const {value = 2} : f32 yield %b }\n%y = neg %x : f32',
  },
  LAC0405: {
    title: 'op with operands or results of wrong type',
    explain: 'Operands and results break the type rule of the op (compiler/ops/table.ts).',
    wrong: '%s = add %x, %i : f32 // %i is i32',
    right: '%f = cast %i {to = f32} : f32\n%s = add %x, %f : f32',
  },
  LAC0406: {
    title: 'region does not fit its op',
    explain:
      'A region of `for`, `if` and `inline` ends with the one `yield` it has, which yields the results of the op; ' +
      'a loop body takes the index and the carried values as arguments. The body of a kernel has no `yield`.',
    wrong: '%r = for %a, %b, %c, %x : f32 (%i: i32, %y: f32) { }',
    right: '%r = for %a, %b, %c, %x : f32 (%i: i32, %y: f32) { yield %y }',
  },
  LAC0407: {
    title: 'attribute missing, unknown or of wrong kind',
    explain: 'The attributes of an op, and their kinds, are those of its row in the op table (compiler/ops/table.ts).',
    wrong: '%e = expand %x {axis = "0"} : tile<1x16xf32>',
    right: '%e = expand %x {axis = 0} : tile<1x16xf32>',
  },
  LAC0408: {
    title: 'layout does not fit its tile',
    explain:
      'A layout maps hardware bits to the bits of a tile: the extents are powers of two, each entry lies inside of the tile, and together they reach every element.',
    wrong: '%x = iota : tile<8xi32> @ inv[c1 c2]',
    right: '%x = iota : tile<8xi32> @ reg[c4] inv[c1 c2]',
  },
  LAC0409: {
    title: 'kernel header contradicts itself or its body',
    explain:
      'Parameters, axes of the grid and dimensions are named in the header of a kernel; names are distinct, views have one dimension name an axis, and the body uses no other.',
    wrong: 'kernel f(%x: view<in ?xf32> [N]) axes [n] { %p = program_id {axis = "m"} : i32 }',
    right: 'kernel f(%x: view<in ?xf32> [N]) axes [n] { %p = program_id {axis = "n"} : i32 }',
  },
  LAC0410: {
    title: 'unknown pass',
    explain:
      'No pass on the way to a target has this name; `lac ir --list --target sm_90` names them, for each target.',
  },

  // ---- 08xx run-time traps
  LAC0501: {
    title: 'too much workgroup memory',
    explain:
      'The tiles that this configuration keeps in workgroup memory (on CUDA: shared memory) at one time take more bytes than the device allows a workgroup. Lifetimes are already shared: two tiles that are never needed together use one place. Smaller blocks and fewer stages need less.',
  },
  LAC0502: {
    title: 'workgroup too large',
    explain:
      'The knob `warps` counts groups of 32 invocations (on CUDA: threads). Their product must be a power of two within the limit of the device, 1024 on CUDA.',
  },
  LAC0503: {
    title: 'tile takes too many registers',
    explain:
      'A tile is spread over the invocations of a workgroup. When one invocation would hold more than 256 values of one tile (on CUDA: when the tiles that live at one time need more than the 255 registers of a thread), it would only spill to slow memory, so the configuration is passed over; on CUDA it is taken where it was asked for in full, where it was measured (up to twice as many registers), or where no other is left. Smaller blocks or more warps need fewer.',
  },
  LAC0506: {
    title: 'too many tensor arguments',
    explain:
      'Each tensor argument that the kernel touches is one storage buffer, and a device limits how many a shader stage may bind.',
  },
  LAC0601: {
    title: 'unknown argument',
    explain: 'A launch names an argument that the kernel does not have. Names are those of `args` in the declaration.',
  },
  LAC0602: {
    title: 'argument missing',
    explain:
      'A launch gives no value for an argument of the kernel. Every argument needs one; a tensor that the options in force never touch may be null.',
  },
  LAC0603: {
    title: 'wrong rank',
    explain: 'A tensor has another number of axes than the kernel declares for that argument.',
  },
  LAC0604: {
    title: 'wrong dtype',
    explain:
      'A tensor has another dtype than the kernel declares, or than this variant was compiled for. Arguments that share one dtype parameter have one dtype.',
  },
  LAC0605: {
    title: 'dimensions disagree',
    explain: 'One dimension name, used in two arguments or twice in one, means equal extents.',
  },
  LAC0606: {
    title: 'comptime dimension differs from the variant',
    explain:
      'A variant is compiled for fixed sizes of its comptime dimensions. Other sizes need another variant; calls from TypeScript compile it by themselves.',
  },
  LAC0607: {
    title: 'elements of an output share an address',
    explain:
      'Distinct elements of an output or inout tensor need distinct addresses, otherwise two lanes store one element. Stride 0 and overlapping strides are for inputs only.',
  },
  LAC0608: {
    title: 'output overlaps another argument',
    explain:
      'The bytes of an output or inout tensor, from its first to its last element, may not overlap those of any other argument. Work in place is one inout argument.',
  },
  LAC0609: {
    title: 'tensor was freed',
    explain: 'The memory of this tensor was given back with free(); other views of it are gone too.',
  },
  LAC0610: {
    title: 'tensor lives on another device',
    explain: 'All tensors of a launch have to be allocated on the device that runs it.',
  },
  LAC0611: {
    title: 'null for an argument that is used',
    explain: 'Only an argument that the options in force never touch may be null.',
  },
  LAC0612: {
    title: 'wrong value for a scalar argument',
    explain: 'A scalar argument takes a number that its dtype holds: a whole number in range for i32 and u32.',
  },
  LAC0613: {
    title: 'device too small for this variant',
    explain:
      'The variant needs more workgroup memory, invocations or bindings than the device has, or a feature that it lacks. Another configuration of the tune knobs may fit.',
  },
  LAC0614: {
    title: 'tensor larger than the device binds',
    explain: 'A device binds buffers up to a limit. Split the tensor, or use a device with a higher limit.',
  },
  LAC0615: {
    title: 'tensor too large for 32-bit offsets',
    explain:
      'WGSL computes element offsets in 32 bits. A launch in which one could reach 2^31 is refused: it would wrap.',
  },
  LAC0616: {
    title: 'grid too large',
    explain:
      'A launch has at most 2^31 - 65536 programs (2^31 - 1 on CUDA). Give each program more work: larger blocks, or a loop in the kernel.',
  },
  LAC0617: {
    title: 'tensor is not laid out as the variant assumes',
    explain:
      'A variant may assume that the last axis is contiguous and that offsets and strides are multiples of some number of elements, so that it can use wide accesses. This tensor breaks the assumption: it needs the generic variant.',
  },
  LAC0618: {
    title: 'output shares an allocation with another argument',
    explain:
      'WebGPU does not let one launch write to a buffer and use it through another argument too, even where the bytes are disjoint. Allocate the output separately.',
  },
  LAC0619: {
    title: 'dimension has no known extent',
    explain: 'A dimension that only null arguments have cannot be told from the arguments of the launch.',
  },
  LAC0620: {
    title: 'tensor cannot be made so',
    explain:
      'Shape, strides or offset of a tensor are not usable: extents and strides are whole numbers >= 0, and every element lies inside the allocation. Masks (i1) are not stored in tensors.',
  },
  LAC0621: {
    title: 'data does not fit the tensor',
    explain:
      'write() takes as many values as the tensor has elements, in row-major order: a Float64Array or array of values for every dtype, or the typed array of the dtype (Uint16Array holds the bits of f16 and bf16).',
  },
  LAC0622: {
    title: 'half of a 32-bit word cannot be written from the host',
    explain:
      'Except by CUDA, buffers are written in words of four bytes, so that a 16-bit element of a view with gaps cannot be written alone. Write through the tensor that owns the allocation.',
  },
  LAC0623: {
    title: 'argument is not a tensor of this runtime',
    explain: 'Tensor arguments are made with empty(device, dtype, shape), or are views of such a tensor.',
  },
  LAC0624: {
    title: 'no program of the artifact fits the launch',
    explain:
      'A manifest holds a program for each choice of target, dtypes, comptime sizes and assumptions about tensors. None of them was compiled for this device and these arguments. Compile one that was: --target, --dtype and --set say for what.',
    right: 'lac compile forward.ts --target sm_80,webgpu --set D=128,E=128 --dtype bf16',
  },
  LAC0625: {
    title: 'artifact cannot be read',
    explain:
      'The manifest is missing, is no JSON or was changed by hand, was written by another version of lac, or a program beside it is missing. The message names the place. Compile it again with `lac compile`.',
  },
  LAC0626: {
    title: 'arguments exclude each other',
    explain:
      'Two arguments of a call say the same thing in different ways, or ask for what cannot be combined: a decay by slope and by g, a layout for packed sequences. The message says why; leave one of them out.',
  },
  LAC0627: {
    title: 'tensor that has no such view',
    explain:
      'A step of a plan is given a tensor in another shape, or a part of it. There is no such view where the shapes have different sizes, where a part leaves the tensor, or where axes that become one lie apart in memory: no stride leads from each element to the next. Then make a copy without gaps, and pass that.',
  },
  LAC0701: {
    title: 'unknown device',
    explain:
      "Devices are 'cuda' or 'cuda:N' (NVIDIA GPU N of `lac devices`), 'webgpu' (the best GPU, else the software driver), 'webgpu:software', 'webgpu:N' (adapter N), 'emulate' (PTX on the CPU, as sm_90; 'emulate:sm_80'), 'interpret' (f64), 'interpret:round' (rounds to each dtype), and '' for the best one found.",
  },
  LAC0702: {
    title: 'CUDA is not available',
    explain:
      'A CUDA device needs Linux, an NVIDIA GPU, its driver (libcuda.so.1, part of every driver installation and of containers that were given the GPU), and the native part of lac, which is built when lac is installed and needs a C++ compiler then, but no CUDA toolkit. `lac doctor` says which of them is missing. NVIDIA GPUs also work through WebGPU.',
  },
  LAC0703: {
    title: 'no WebGPU device',
    explain:
      'No Vulkan driver gave a usable adapter, and the software driver could not be used either. `lac doctor` lists what is missing. The device interpret needs no driver.',
  },
  LAC0704: {
    title: 'software driver cannot be unpacked',
    explain:
      'The software Vulkan driver comes with the npm package @sparticuz/chromium and is unpacked once into a cache folder: LAC_CACHE, else XDG_CACHE_HOME/lac, else ~/.cache/lac, else the folder for temporary files. None of them could be used. It takes 7 MB and must allow loading libraries (no noexec).',
  },
  LAC0705: {
    title: 'device lost',
    explain:
      'The driver gave the device up: it was reset, removed, or a kernel ran past the watchdog. On CUDA any fault of a kernel (an address outside of its tensors, a trap) ends the context too. Everything on the device is gone; open a new one with openDevice().',
  },
  LAC0706: {
    title: 'device is out of memory',
    explain: 'The device could not allocate a buffer. Free tensors that are no longer needed, or use smaller ones.',
  },
  LAC0707: {
    title: 'device was destroyed',
    explain: 'destroy() was called on this device. Open a new one with openDevice().',
  },
  LAC0708: {
    title: 'device reported an error',
    explain:
      'The device refused an operation that passed our checks. Results since the last synchronisation are not reliable. Please report it with the text of the message.',
  },
  LAC0709: {
    title: 'driver failed to compile a kernel',
    explain:
      "The WGSL or PTX is valid, but the device's own compiler gave up. Another configuration or a newer driver may work.",
  },
  LAC0710: {
    title: 'Vulkan driver file cannot be used',
    explain:
      'LAC_ICD, VK_DRIVER_FILES or VK_ICD_FILENAMES names a Vulkan driver manifest (JSON with ICD.library_path) that is missing, broken, or names a library that does not load. Correct the variable, or unset it.',
  },
  LAC0711: {
    title: 'WebGPU library does not load',
    explain:
      'The npm package webgpu (Dawn) has no build for this platform, or its build does not load here. It needs glibc on Linux. The device interpret works everywhere.',
  },
  LAC0712: {
    title: 'CUDA driver too old for this program',
    explain:
      'Every PTX text says which version of the language it is written in, and a driver knows the versions up to its own (CUDA 11.0 knows PTX 7.0, CUDA 11.8 knows 7.8, CUDA 12.0 knows 8.0). Update the driver, or compile for an older target, which needs an older version.',
    wrong: 'lac compile forward.ts --target sm_90',
    right: 'lac compile forward.ts --target sm_80',
  },
  LAC0713: {
    title: 'CUDA ended for this process',
    explain:
      'A kernel faulted earlier (an address outside of its tensors, a trap), and the driver makes no new context for the process in which that happened: the CUDA manual asks for a new process after such a fault. The message says which kernels were running. `lac run --device emulate` runs the same program on the CPU and names the access that is wrong.',
  },
  LAC0714: {
    title: 'launch does not end',
    explain:
      'A launch took longer than `lac run` and `lac bench` wait for (`--timeout`, by default a minute on a GPU and ten on the CPU). Most often a `while` loop has a condition that stays true. The interpreter and the emulator stop, and name the place; a GPU cannot be stopped, so that the process ends. Where the launch only is slow, `--timeout 10m` waits longer.',
  },
  LAC0801: {
    title: 'broken inBounds promise',
    explain:
      '`inBounds: true` is the promise that every lane of the access lies inside the view; devices then check nothing. A lane lay outside. Drop the option (lanes outside read `pad`, stores drop them), or mask the lanes off.',
    wrong: 'x.load([m * BM], [BM], { inBounds: true })   // N is no multiple of BM',
    right: 'x.load([m * BM], [BM])',
  },
  LAC0802: {
    title: 'read of something never written',
    explain:
      'An uninitialised temporary or output was read before anything was stored there. Devices give whatever the memory held.',
    right: 'temp(f32, [B, H, D, E], { fill: 0 })   // or store before loading',
  },
  LAC0803: {
    title: 'two programs write one element',
    explain:
      'Programs of one launch run in no order, so which value stays is unspecified. Let the grid give every element of the result to one program.',
    wrong:
      'grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B })   // and o.store([n, 0], ...): every e writes the same columns',
    right: 'O.store([n, e * BE], ...)',
  },
  LAC0804: {
    title: 'a program depends on the stores of another',
    explain:
      'A program read an element that another program of the same launch writes. There is no order between programs of a launch, not even progress: split the work into two launches (a plan), or give the element to one program.',
  },
  LAC0805: {
    title: 'two lanes of one store write one element',
    explain:
      'Two lanes of a store have the same address, so which value stays is unspecified. Outputs need strides that keep distinct elements apart.',
  },
  LAC0806: {
    title: 'integer division by zero',
    explain: 'idiv and % of integers by zero have no value; devices give an unspecified one.',
    right: 'idiv(n, maximum(k, 1))   // or a where() around the divisor',
  },
  LAC0807: {
    title: 'integer division overflows',
    explain: '-2^31 / -1 is 2^31, which i32 does not hold; devices give an unspecified value.',
  },
  LAC0808: {
    title: 'loop step is not positive',
    explain: 'The step of range must be at least 1. Descending order is the option `reverse`.',
    wrong: 'for (const n of range(N, 0, -C))',
    right: 'for (const n of range(0, N, C, { reverse: true }))',
  },
  LAC0809: {
    title: 'step limit reached',
    explain:
      'The interpreter, or the emulator, stopped after a fixed number of operations, so that a loop that never ends does not hang it. Use smaller sizes, or raise the limit.',
  },

  // PTX in the emulator
  LAC0420: {
    title: 'PTX text cannot be read',
    explain:
      'The emulator reads modules of kernels: directives, register declarations, labels and instructions (PTX ISA, "Syntax"). The message names the line.',
    wrong: 'add.s32 %r1 %r2, %r3;',
    right: 'add.s32 %r1, %r2, %r3;',
  },
  LAC0421: {
    title: 'PTX that the emulator does not run',
    explain:
      'The instruction, modifier, type or operand is PTX, but not among what the emulator knows. It runs what lac emits; wgmma, TMA and mbarriers are not built yet.',
  },
  LAC0810: {
    title: 'part outside its tile',
    explain:
      'slice, insert and take work inside of a tile in registers. Where origin or index lie outside, `interpret` traps; devices give an unspecified value.',
    wrong: 'const last = slice(x, [C], [1]);',
    right: 'const last = slice(x, [C - 1], [1]);',
  },
  LAC0820: {
    title: 'global memory access outside of every buffer',
    explain:
      'A thread read or wrote bytes of no buffer of the launch. On a GPU that is an illegal address, or silent damage to other data.',
    wrong: 'ld.global.f32 %r1, [%rd1];              // no guard for the last block',
    right: '@%p1 ld.global.f32 %r1, [%rd1];',
  },
  LAC0821: {
    title: 'misaligned memory access',
    explain:
      'An access of n bytes needs an address that is a multiple of n; rows of ldmatrix, stmatrix and 16-byte copies need multiples of 16.',
  },
  LAC0822: {
    title: 'shared memory access outside of what the CTA has',
    explain:
      'The address lies below the first variable, or behind the dynamic shared memory of the launch. The launch asks for too little, or an address is wrong.',
  },
  LAC0823: {
    title: 'shared memory read before it was written',
    explain: 'Shared memory holds anything at the start of a CTA. Often the address of a swizzled tile is wrong.',
  },
  LAC0824: {
    title: 'race in shared memory',
    explain:
      'Two threads touch the same bytes, one of them writes, and no barrier orders them. Threads of different warps are ordered by bar.sync, lanes of a warp by bar.warp.sync or bar.sync; ldmatrix, stmatrix and shuffles order nothing.',
    wrong: 'st.shared.b32 [%r1], %r2;\nld.shared.b32 %r3, [%r4];               // written by another warp',
    right: 'st.shared.b32 [%r1], %r2;\nbar.sync 0;\nld.shared.b32 %r3, [%r4];',
  },
  LAC0825: {
    title: 'bytes of an asynchronous copy used while it is under way',
    explain:
      'Bytes that cp.async writes belong to the copy until the thread that issued it has waited for its group; other threads need a barrier after that wait.',
    wrong: 'cp.async.wait_group 1;                  // of two groups; the newest is read below',
    right: 'cp.async.wait_group 0;',
  },
  LAC0826: {
    title: 'deadlock',
    explain: 'Every warp that has not ended waits at a barrier that nobody else will reach.',
  },
  LAC0827: {
    title: 'barrier used wrongly',
    explain:
      'Barriers are numbered 0 to 15 and count threads in multiples of 32; all warps that meet name the same number of threads, and bar.sync is executed by whole warps.',
    wrong: '@%p1 bar.sync 0;                        // %p1 differs between the lanes of a warp',
    right: 'bar.sync 0;                              // executed by every lane',
  },
  LAC0828: {
    title: 'lanes missing at an instruction of the whole warp',
    explain:
      'mma, ldmatrix, stmatrix and shuffles are executed by all lanes that they name together. Some lanes have ended, are at another place, or are not named by the mask.',
  },
  LAC0829: {
    title: 'launch does not fit the PTX',
    explain:
      'No entry of this name, a block larger than .maxntid, a parameter block of another size, or more shared memory than the device has.',
  },
  LAC0830: {
    title: 'race in global memory',
    explain:
      'Two threads of one program touch the same bytes of an argument, one of them stores (or one adds atomically and the other loads), and no barrier orders them. Threads of different warps are ordered by bar.sync, lanes of a warp by bar.warp.sync or bar.sync.',
    wrong: 'st.global.b32 [%rd1], %r2;\nld.global.b32 %r3, [%rd4];              // stored by another thread',
    right: 'st.global.b32 [%rd1], %r2;\nbar.sync 0;\nld.global.b32 %r3, [%rd4];',
  },

  // ---- 09xx command line and driver
  LAC0901: {
    title: 'command line not understood',
    explain:
      'An option, a verb or a value on the command line is unknown or malformed. `lac VERB --help` lists what a verb takes.',
    wrong: 'lac run forward.ts --shape N:100',
    right: 'lac run forward.ts --shape N=100,H=2',
  },
  LAC0902: {
    title: 'no reference for this kernel',
    explain:
      'lac run, lac tune and kernel.tune() compare with a reference and found none. Beside `x.ts` they look for `x.ref.ts`, exporting a constant of type Reference with the name of the kernel. `lac run --check FILE` names another file; `--no-check` runs without comparing. Nothing is tuned unchecked.',
    right:
      'export const scale: Reference = { shape: { N: 1000 }, run: ({ inputs: { x } }) => ({ y: x.map((a) => 2 * a) }) };',
  },
  LAC0903: {
    title: 'reference cannot be loaded',
    explain:
      'The file of the reference does not parse, throws while it is loaded, or exports something that is no Reference.',
  },
  LAC0904: {
    title: 'no such kernel in the file',
    explain:
      'Kernels are the exported constants made by kernel(...) or .with(...). `--kernel NAME` chooses one of several.',
  },
  LAC0905: {
    title: 'reference and kernel disagree about an output',
    explain:
      'The reference returned no values for an output that the kernel writes, values for an argument that is no output, or the wrong number of them.',
  },
  LAC0906: {
    title: 'no configuration fits',
    explain:
      'Every combination of the tune knobs was rejected: by `prune` for these sizes, or by a limit of the device. Add smaller blocks to `tune`, loosen `prune`, or choose a configuration with --config to see its own error.',
  },
  LAC0907: {
    title: 'not a name of this kernel',
    explain:
      'A dimension, dtype parameter, option or tune knob given on the command line, or to the driver, is not declared by the kernel; or its value is not one of the declared choices.',
    wrong: 'lac run forward.ts --config BLOCK=64',
    right: 'lac run forward.ts --config C=64',
  },
  LAC0908: {
    title: 'output cannot be written',
    explain:
      'The folder cannot be created, or a file in it cannot be written: no permission, or no space. Files are written beside their name and renamed when whole, so nothing half-written is left.',
  },
  LAC0909: {
    title: 'verb is not built yet',
    explain: 'The verbs init and repro are planned. What to use instead is said beside the message.',
  },
  LAC0910: {
    title: 'dimension without a size that works',
    explain:
      'Every dimension of the arguments needs a size: from --shape, from `shape` of the reference, or, for a call from TypeScript, from the tensors. Sizes are whole numbers, 0 or more; a comptime dimension, which tiles are made of, is at least 1.',
    right: 'lac run forward.ts --shape B=1,H=4,N=1000,D=64,E=64',
  },
  LAC0911: {
    title: 'generated input has the wrong size',
    explain:
      'A generator in `inputs` of the reference returns as many values as the product of `shape`, in row-major order.',
  },
  LAC0912: {
    title: 'scalar argument without a value',
    explain:
      '`scalars` of the reference gives every scalar argument its value: a number, or a function of the dimensions.',
    right: 'scalars: { scale: ({ D = 1 }) => 1 / Math.sqrt(D) }',
  },
  LAC0913: {
    title: 'sizes larger than the memory of this machine',
    explain:
      'Inputs and outputs of a checked run are kept by the host too, as f64: 8 bytes an element of an input, 16 of an output; and devices that are no GPU keep tensors there. What does not fit is refused before anything is made. A run without a check keeps no values.',
    right: 'lac run forward.ts --shape N=4k\nlac run forward.ts --no-check',
  },
  LAC0914: {
    title: 'no such diagnostic code',
    explain: 'Codes have the form LAC0202. `lac explain` without a code lists all of them.',
  },
  LAC0915: {
    title: 'source of a called kernel cannot be found',
    explain:
      'A kernel called from TypeScript is compiled from its source, found through the place where kernel(...) ran (and its source map). The source has to be readable when the kernel is called.',
  },
  LAC0916: {
    title: 'file of tuned configurations cannot be read',
    explain:
      'Beside `x.ts`, `x.tune.json` lists configurations that were measured to be good: kernel, target, what they are for, and a value for every knob. The file is not JSON, or not of this form; the message names the place.',
    right:
      '{ "lac": 1, "configurations": [ { "kernel": "gemm", "target": "cuda", "sm": 80,\n  "when": { "dtypes": { "T": ["f16", "bf16"] }, "dims": { "M": { "least": 1024 } } },\n  "config": { "BM": 128, "BN": 256, "BK": 64, "warps": 8, "stages": 3 } } ] }',
  },
  LAC0917: {
    title: 'tuned configuration is out of date',
    explain:
      'A row of `x.tune.json` names a knob, a value, a dtype parameter, an option or a dimension that the kernel does not declare (any more), or leaves out a knob. The row is not used, the others are.',
  },

  LAC0918: {
    title: 'tuning cache cannot be used',
    explain:
      'What `lac tune` measures is kept in a file below the cache folder of the user (LAC_CACHE, or LAC_TUNING_CACHE for this file alone). It cannot be opened, read or written: a full disk, a folder without permission, a platform that the package libsql has no binary for; or it was damaged and a new one was begun. Tuning and running go on without it.',
    right: 'LAC_TUNING_CACHE=/scratch/lac lac tune forward.ts\nLAC_TUNING_CACHE=off lac run forward.ts',
  },
  LAC0919: {
    title: 'tuned configuration is wrong on this device',
    explain:
      'A configuration that was measured on another device is compared with the reference beside the kernel, at small sizes, before it is first used here. This one gave wrong numbers, or could not run, and is left out; the next best is used. `lac run FILE --config ...` shows what it does.',
  },
  LAC0920: {
    title: 'file of shapes cannot be read',
    explain:
      '`lac tune --shapes FILE` takes a JSON file that lists problems. Each may name a kernel (else it is for every kernel that is tuned), dims, dtypes and options; what it leaves out comes from the command line, then from the reference. The file is not JSON, or not of this form; the message names the place.',
    right:
      '{ "lac": 1, "shapes": [\n  { "kernel": "lightningFwd", "dims": { "B": 4, "H": 32, "N": 8192 }, "dtypes": { "T": "bf16" } } ] }',
  },
  LAC0921: {
    title: 'no configuration was measured',
    explain:
      '`lac tune`, or kernel.tune(), tried what the kernel declares, and every configuration was pruned, is over a limit of the device, failed, or gave a wrong result: the table, or the help beside the message, says which and why. A kernel that works elsewhere may need smaller blocks in its tune space for this device. Or the budget ended before anything was measured.',
  },
  LAC0922: {
    title: 'tuning rows cannot be read',
    explain:
      '`lac cache import` takes what `lac cache export` gives: JSON Lines, the first of which says so, then a row a line. The file is something else, or has more or longer lines than any cache; the message names the line.',
    right: 'lac cache export > tuned.jsonl\nlac cache import tuned.jsonl',
  },

  LAC0925: {
    title: 'worker of the tuner cannot go on',
    explain:
      'Configurations are compiled, checked and timed in a process of their own, which is replaced when it crashes, hangs, loses its device or runs out of memory. Here that is of no use: the device does not open again, or one configuration after another ended the process in the same way and none ever worked. What was measured before is kept.',
  },
  LAC0930: {
    title: 'sweep that cannot be measured',
    explain:
      '`lac bench --sweep` names dimensions and their sizes: `N=1k..64k` (both ends, and the powers of two between them), `N=1k,3k`, several dimensions for every combination, `D=E=64,128` for two that go together. A dimension is named once, and a run has 1000 points at most.',
    right: 'lac bench kernels/lightning/forward.ts --sweep N=1k..64k,D=E=64,128',
  },
  LAC0931: {
    title: 'stored run of lac bench cannot be read',
    explain:
      '`--compare` and `--baseline` take a JSON file that `lac bench --output FILE.json` wrote. The file is not there, is not JSON, is not of this form, or comes from a version of lac with another one; the message names the place.',
  },
  LAC0932: {
    title: 'peers cannot be measured',
    explain:
      '`lac bench --peers` runs python/lac_bench_peers.py through python3. It ended early, was silent for too long, or said what is no message of its. What lac itself measures is not affected; the run goes on without peers.',
  },
  LAC0933: {
    title: 'baseline of another kernel',
    explain:
      '`lac bench --baseline FILE.ts` measures a kernel of that file beside the first, on the same inputs: it has the name of the first, or is the only one there, and takes the same arguments. A stored run (FILE.json), here or with `--compare`, has to come from the same device, and to have the time of a point of this run: the same kernel, sizes, dtypes and options.',
    right: 'lac bench kernels/lightning/forward.ts --kernel lightningFwd --baseline before/forward.ts',
  },

  LAC0520: {
    title: 'GPU too old',
    explain:
      'The CUDA backend uses asynchronous copies to shared memory and bf16 tensor cores, which NVIDIA GPUs have from compute capability 8.0 on (Ampere: A100, RTX 30). Older ones are not served.',
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof CODES;

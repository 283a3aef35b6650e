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
    explain: 'No pass of the pipeline has this name; compiler/passes/pipeline.ts lists them.',
  },

  // ---- 08xx run-time traps
  LAC0501: {
    title: 'too much workgroup memory',
    explain:
      'The tiles that this configuration keeps in workgroup memory at one time take more bytes than the device allows a workgroup. Lifetimes are already shared: two tiles that are never needed together use one place. Smaller blocks need less.',
  },
  LAC0502: {
    title: 'workgroup too large',
    explain: 'The knob `warps` counts groups of 32 invocations. Their product must be a power of two within the limit of the device.',
  },
  LAC0503: {
    title: 'tile takes too many registers',
    explain: 'A tile is spread over the invocations of a workgroup. When one invocation would hold more than 256 values of one tile, it would only spill to slow memory, so the configuration is refused.',
  },
  LAC0504: {
    title: 'kernel is not lowered far enough',
    explain: 'Code generation takes kernels that went through the whole pipeline. `lac opt` prints what a pass leaves behind.',
  },
  LAC0505: {
    title: 'in-place arguments are not supported by this backend yet',
    explain: 'An `inout` argument is read and written by one program. The WGSL backend does not place the memory barriers for that yet.',
  },
  LAC0506: {
    title: 'too many tensor arguments',
    explain: 'Each tensor argument that the kernel touches is one storage buffer, and a device limits how many a shader stage may bind.',
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
      'A launch has at most 2^31 - 65536 programs. Give each program more work: larger blocks, or a loop in the kernel.',
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
      'Buffers are written in words of four bytes, so that a 16-bit element of a view with gaps cannot be written alone. Write through the tensor that owns the allocation.',
  },
  LAC0623: {
    title: 'argument is not a tensor of this runtime',
    explain: 'Tensor arguments are made with empty(device, dtype, shape), or are views of such a tensor.',
  },
  LAC0701: {
    title: 'unknown device',
    explain:
      "Devices are 'webgpu' (the best GPU, else the software driver), 'webgpu:software', 'webgpu:N' (adapter N of `lac devices`), 'interpret' (f64), 'interpret:round' (rounds to each dtype), and '' for the best one found.",
  },
  LAC0702: {
    title: 'device kind not built yet',
    explain: 'CUDA is planned and not built. NVIDIA GPUs work through WebGPU: use the device webgpu.',
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
      'The driver gave the device up: it was reset, removed, or a kernel ran past the watchdog. Everything on it is gone; open a new device with openDevice().',
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
      "The WGSL is valid, but the device's own compiler gave up. Another configuration or a newer driver may work.",
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
      'The interpreter stopped after a fixed number of operations, so that a loop that never ends does not hang it. Use smaller sizes, or raise the limit.',
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
      'lac run compares with a reference and found none. Beside `x.ts` it looks for `x.ref.ts`, exporting a constant of type Reference with the name of the kernel. `--check FILE` names another file; `--no-check` runs without comparing.',
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
    title: 'target is not built yet',
    explain: 'This version of lac compiles to `webgpu` (WGSL). CUDA PTX (sm_80, sm_90) is planned.',
    right: 'lac compile forward.ts --target webgpu',
  },
  LAC0910: {
    title: 'dimension without a size',
    explain:
      'Every dimension of the arguments needs a size: from --shape, from `shape` of the reference, or, for a call from TypeScript, from the tensors.',
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
    title: 'kernel was not compiled',
    explain: 'The kernel has errors; they are listed with their places in the source.',
  },

  LAC0550: {
    title: 'reshape of extents that are not powers of two',
    explain:
      'Hardware tiles have power-of-two extents, and the padding must stay behind the elements. Merging or splitting axes keeps that only where all axes of a group but the leading one are powers of two: [3, 8] to [24] works, [8, 3] to [24] is not built yet.',
    wrong: 'reshape(x, [24])   // x is [8, 3]',
    right: 'reshape(x, [24])   // x is [3, 8]',
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof CODES;

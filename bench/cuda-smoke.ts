/**
 * The CUDA runtime by itself, with PTX written by hand: results, overheads, errors and addresses past 2^31 elements.
 * One line a check; exit code 1 where one failed.
 *
 *   npm run build && node dist/bench/cuda-smoke.js [cuda:N]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CudaVariant } from '../compiler/artifact.js';
import { bindLaunch, type CudaDevice, KnownLaunches, type LaunchSpec, openDevice } from '../runtime/index.js';

const which = process.argv[2] ?? 'cuda:0';
const MIB = 2 ** 20;
const THREADS = 256;

/** z = scale x + y; the comment makes texts differ, so that each is compiled anew. */
const addText = (comment: string): string => `// ${comment}
.version 7.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 b0, .param .u64 b1, .param .u64 b2, .param .align 8 .b8 words[8])
.maxntid ${THREADS}, 1, 1
{
  .reg .pred %p; .reg .b32 %r<4>; .reg .b64 %d<4>; .reg .f32 %f<4>;
  ld.param.u32 %r0, [words];
  ld.param.f32 %f0, [words+4];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %tid.x;
  mad.lo.u32 %r3, %r1, ${THREADS}, %r2;
  setp.ge.s32 %p, %r3, %r0;
  @%p ret;
  ld.param.u64 %d0, [b0];
  ld.param.u64 %d1, [b1];
  ld.param.u64 %d2, [b2];
  mul.wide.u32 %d3, %r3, 4;
  add.u64 %d0, %d0, %d3;
  add.u64 %d1, %d1, %d3;
  add.u64 %d2, %d2, %d3;
  ld.global.f32 %f1, [%d0];
  ld.global.f32 %f2, [%d1];
  fma.rn.f32 %f3, %f0, %f1, %f2;
  st.global.f32 [%d2], %f3;
  ret;
}
`;

/** Stores 1 + row / 128 as bf16 to the first elements of each row; a row is \`stride\` elements, a 64-bit number. */
const ROWS_TEXT = `
.version 7.0
.target sm_80
.address_size 64
.visible .entry rows(.param .u64 b0, .param .align 8 .b8 words[8])
{
  .reg .b32 %r<3>; .reg .b16 %h; .reg .b64 %d<6>;
  mov.u32 %r0, %ctaid.x;
  mov.u32 %r1, %tid.x;
  ld.param.u64 %d0, [b0];
  ld.param.u64 %d1, [words];
  cvt.u64.u32 %d2, %r0;
  cvt.u64.u32 %d3, %r1;
  mad.lo.u64 %d4, %d1, %d2, %d3;
  shl.b64 %d4, %d4, 1;
  add.u64 %d5, %d0, %d4;
  add.u32 %r2, %r0, 0x3f80;
  cvt.u16.u32 %h, %r2;
  st.global.b16 [%d5], %h;
  ret;
}
`;

/** Stores to an address that belongs to nobody. */
const STRAY_TEXT = `
.version 7.0
.target sm_80
.address_size 64
.visible .entry stray(.param .u64 b0)
{
  .reg .b64 %d<2>;
  ld.param.u64 %d0, [b0];
  add.u64 %d1, %d0, 0x100000000000;
  st.global.u64 [%d1], %d0;
  ret;
}
`;

const ADD: LaunchSpec = {
  kernel: 'add',
  args: [
    { name: 'x', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'y', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'z', dir: 'out', dtype: 'f32', dims: ['N'] },
    { name: 'scale', dir: 'scalar', dtype: 'f32' },
  ],
  dtypes: {},
  grid: [['n', ['cdiv', 'N', THREADS]]],
};

const ROWS: LaunchSpec = {
  kernel: 'rows',
  args: [{ name: 'z', dir: 'out', dtype: 'bf16', dims: ['M', 'N'] }],
  dtypes: {},
  grid: [['m', 'M']],
};

const program = (entry: string, text: string, more: Partial<CudaVariant>): CudaVariant => ({
  when: { dtypes: {}, comptime: {}, facts: {} },
  target: 'cuda',
  sm: 80,
  text,
  entry,
  config: {},
  block: [THREADS, 1, 1],
  sharedBytes: 0,
  params: [],
  bindings: [],
  unused: [],
  ...more,
});

const addProgram = (comment: string): CudaVariant =>
  program('add', addText(comment), {
    params: [{ dim: 'N' }, { scalar: 'scale', dtype: 'f32' }],
    bindings: ['x', 'y', 'z'].map((arg, index) => ({ arg, index, access: arg === 'z' ? 'read_write' : 'read' })),
  });

const writesZ = (entry: string, text: string, more: Partial<CudaVariant> = {}): CudaVariant =>
  program(entry, text, { bindings: [{ arg: 'z', index: 0, access: 'read_write' }], ...more });

const open = async (): Promise<CudaDevice> => (await openDevice(which)) as CudaDevice;

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

let failed = false;
function report(what: string, ok: boolean, figure: string): void {
  failed ||= !ok;
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${what.padEnd(34)} ${figure}`);
}

/** First line of what it throws: the code and the message. Otherwise the word that it gives, if any. */
async function messageOf(work: () => unknown): Promise<string> {
  try {
    const result = await work();
    return typeof result === 'string' ? result : 'no error';
  } catch (e) {
    return e instanceof Error ? (e.message.split('\n')[0] ?? '') : String(e);
  }
}

function boundAdd(device: CudaDevice, n: number, variant: CudaVariant) {
  const x = device.empty('f32', [n]).write(Float32Array.from({ length: n }, (_, i) => i % 1000));
  const y = device.empty('f32', [n]).fill(1);
  const z = device.empty('f32', [n]).poison();
  const args = { x, y, z, scale: 2 };
  return { x, y, z, args, plan: bindLaunch(device, ADD, variant, args) };
}

async function isRight(device: CudaDevice, variant: CudaVariant): Promise<boolean> {
  const { z, plan } = boundAdd(device, 2 ** 20 + 3, variant);
  await device.launch(plan);
  return (await z.read()).every((value, i) => value === 2 * (i % 1000) + 1);
}

async function compiling(): Promise<void> {
  const variant = addProgram(`smoke ${process.pid}`);
  const cold = await open();
  const coldMs = await milliseconds(() => cold.prepare(variant));
  const made = await cold.attributes(variant);
  cold.destroy();
  const warm = await open();
  const cachedMs = await milliseconds(() => warm.prepare(variant));
  report('compile, cold and from the cache', cachedMs < coldMs, `${coldMs.toFixed(1)} ms, ${cachedMs.toFixed(1)} ms`);
  const { registers, localBytes, programsPerSm } = made;
  const facts = `${registers} registers, ${localBytes} B local, ${programsPerSm} programs an SM`;
  report('attributes', registers > 0 && localBytes === 0, facts);
  report('results', await isRight(warm, variant), warm.name);
  warm.destroy();
}

const LAUNCHES = 10_000;

async function overheads(device: CudaDevice): Promise<void> {
  const variant = addProgram('overhead');
  const { args, plan } = boundAdd(device, 64, variant);
  const micros = async (once: () => Promise<void>): Promise<number> => {
    for (let i = 0; i < 1000; i++) await once();
    await device.synchronize();
    const begin = performance.now();
    for (let i = 0; i < LAUNCHES; i++) await once();
    const us = ((performance.now() - begin) * 1000) / LAUNCHES;
    await device.synchronize();
    return us;
  };
  const launch = await micros(() => device.launch(plan));
  const bound = await micros(() => device.launch(bindLaunch(device, ADD, variant, args)));
  report('launch, and with bindLaunch', launch < 10, `${launch.toFixed(2)} us, ${bound.toFixed(2)} us`);
  const known = new KnownLaunches(ADD);
  const bind = () => bindLaunch(device, ADD, variant, args);
  const again = await micros(() => device.launch(known.plan(device, args, bind)));
  report('launch of arguments met before', again < 10, `${again.toFixed(2)} us`);
  const one = await device.time(plan, { warmupMs: 300, repeat: 200 });
  report('shortest kernel by events', one.medianMs < 0.02, `${(one.medianMs * 1000).toFixed(2)} us`);
  const round = await milliseconds(() => device.launch(plan).then(() => device.synchronize()));
  report('launch and synchronize', round < 1, `${(round * 1000).toFixed(0)} us`);
}

async function bandwidths(device: CudaDevice): Promise<void> {
  const n = 64 * MIB;
  const { z, plan } = boundAdd(device, n, addProgram('bandwidth'));
  const timing = await device.time(plan, { warmupMs: 300, repeat: 50 });
  const rate = (bytes: number, ms: number): string => `${(bytes / ms / 1e6).toFixed(1)} GB/s`;
  report('add of 3 x 256 MiB', true, `${timing.medianMs.toFixed(4)} ms, ${rate(12 * n, timing.medianMs)}`);
  const host = new Float32Array(n).fill(3);
  const up = await milliseconds(async () => {
    z.write(host);
    await device.synchronize();
  });
  const down = await milliseconds(() => z.readRaw());
  report('host to device and back, 256 MiB', true, `${rate(4 * n, up)}, ${rate(4 * n, down)}`);
}

async function largeTensor(device: CudaDevice): Promise<void> {
  const stride = 1_350_000_000;
  const z = device.empty('bf16', [3, THREADS], { strides: [stride, 1] });
  const variant = writesZ('rows', ROWS_TEXT, { params: [{ stride: ['z', 0] }] });
  await device.launch(bindLaunch(device, ROWS, variant, { z }));
  const rows = await Promise.all([0, 1, 2].map((m) => z.view([THREADS], [1], m * stride).read()));
  const right = rows.every((row, m) => row.every((value) => value === 1 + m / 128));
  const gib = (z.extent * 2) / 2 ** 30;
  report('elements past 2^31', right && z.extent > 2 ** 31, `${z.extent} elements, ${gib.toFixed(2)} GiB`);
  z.free();
}

async function memoryRunsOut(device: CudaDevice): Promise<void> {
  const bytes = device.limits.maxBufferBytes - (device.limits.maxBufferBytes % 4);
  const told = await messageOf(() => device.empty('u32', [bytes / 4]));
  const small = device.empty('f32', [4]).fill(5);
  const recovered = (await small.read()).every((value) => value === 5);
  report('out of memory, and on it goes', told.startsWith('LAC0706') && recovered, told);
}

async function strayAddress(): Promise<void> {
  const device = await open();
  const other = await open();
  const z = device.empty('f32', [1, 1]);
  const spec = { ...ROWS, kernel: 'stray', args: [{ name: 'z', dir: 'out', dtype: 'f32', dims: ['M', 'N'] }] } as const;
  await device.launch(bindLaunch(device, spec, writesZ('stray', STRAY_TEXT), { z }));
  const told = await messageOf(() => device.synchronize());
  report('illegal address', told.startsWith('LAC0705') && device.state === 'lost', told);
  const again = await messageOf(() => device.synchronize());
  report('the device stays lost', again.startsWith('LAC0705'), '');
  device.destroy();
  const beside = await messageOf(() => addsRight(other));
  report('a device that was open beside it', beside === 'right' || beside.startsWith('LAC0705'), beside);
  other.destroy();
  // CUDA asks for a new process after such a fault; a driver that forgives is better still.
  const anew = await messageOf(async () => addsRight(await open()));
  report('a fresh device', anew === 'right' || anew.startsWith('LAC0713'), anew);
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), which, ONLY_ADD]);
  report('a new process', status === 0 && String(stdout).trim() === 'right', String(stdout).trim());
}

/** Given in the place of everything else: adds, says whether that was right, and ends. */
const ONLY_ADD = '--only-add';

async function addsRight(device: CudaDevice): Promise<'right' | 'wrong'> {
  const right = await isRight(device, addProgram('fresh'));
  device.destroy();
  return right ? 'right' : 'wrong';
}

async function everything(): Promise<void> {
  const openMs = await milliseconds(async () => (await open()).destroy());
  report('open and destroy a device', true, `${openMs.toFixed(0)} ms`);
  await compiling();
  const device = await open();
  console.log(`      ${device.name}, ${device.info.architecture}, ${device.info.driver}`);
  await overheads(device);
  await bandwidths(device);
  await largeTensor(device);
  await memoryRunsOut(device);
  for (const note of device.notes) console.log(`note  ${note}`);
  device.destroy();
  await strayAddress();
}

if (process.argv.includes(ONLY_ADD)) {
  console.log(await addsRight(await open()));
} else {
  const cache = mkdtempSync(path.join(tmpdir(), 'lac-smoke-'));
  process.env.LAC_CACHE = cache;
  delete process.env.CUDA_CACHE_PATH; // the driver's cache lies in ours then
  try {
    await everything();
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
  process.exitCode = failed ? 1 : 0;
}

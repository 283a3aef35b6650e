/**
 * Builds build/Release/lac_cuda.node, the addon for CUDA, with the C++ compiler of the system. Neither a CUDA toolkit nor a
 * GPU is needed. Runs when lac is installed, and must not fail an installation: without a compiler everything but CUDA
 * works. What went wrong is left in build/Release/lac_cuda.txt for `lac doctor`.
 *
 * Not node-gyp: it would download Node's headers. Those of Node-API come from the package node-api-headers.
 *
 *   node scripts/build-native.mjs [--strict]     --strict: exit code 1 where it is not built
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = path.join(root, 'native');
const folder = path.join(root, 'build', 'Release');
const { resolve } = createRequire(import.meta.url);

/** Folder of a header-only package, wherever npm put it. */
const includes = () => [
  path.dirname(resolve('node-addon-api/package.json')),
  path.join(path.dirname(resolve('node-api-headers/package.json')), 'include'),
];

const COMPILE = ['-std=c++17', '-O2', '-fPIC', '-fvisibility=hidden', '-fexceptions', '-pthread', '-Wall', '-Wextra'];
const DEFINE = ['-DNAPI_VERSION=8', '-DNODE_ADDON_API_CPP_EXCEPTIONS', '-DNODE_ADDON_API_DISABLE_DEPRECATED'];
/** nodelete: threads of the addon outlive the worker that loaded it. */
const LINK = ['-shared', '-pthread', '-Wl,-z,nodelete'];

/** CXX, or the first of the usual names that answers; null where none does. */
function compiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  return candidates.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0) ?? null;
}

/** Runs the compiler; throws what it printed. */
function run(cxx, args) {
  return new Promise((done, fail) => {
    const child = spawn(cxx, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done(text) : fail(new Error(`${cxx} failed (${code})\n${text}`))));
  });
}

async function build(cxx, work) {
  const include = includes().flatMap((dir) => ['-isystem', dir]);
  const sources = readdirSync(source).filter((name) => name.endsWith('.cc'));
  const object = (name) => path.join(work, name.replace(/\.cc$/, '.o'));
  const compiled = sources.map((name) =>
    run(cxx, [...COMPILE, ...DEFINE, ...include, '-c', path.join(source, name), '-o', object(name)]),
  );
  process.stderr.write((await Promise.all(compiled)).join(''));
  const out = path.join(work, 'lac_cuda.node');
  await run(cxx, [...LINK, ...sources.map(object), '-ldl', '-o', out]);
  // In one step: a process that has the old one loaded keeps it.
  renameSync(out, path.join(folder, 'lac_cuda.node'));
}

/** Why there is no addon; null where there is one now. */
async function attempt() {
  if (process.platform !== 'linux') return 'CUDA is for Linux only';
  const cxx = compiler();
  if (cxx === null) return 'no C++ compiler was found (c++, g++ or clang++)';
  const work = mkdtempSync(path.join(folder, '.work-'));
  try {
    await build(cxx, work);
    return null;
  } catch (e) {
    return e.message;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

mkdirSync(folder, { recursive: true });
const reason = path.join(folder, 'lac_cuda.txt');
const why = await attempt();
if (why === null) {
  rmSync(reason, { force: true });
} else {
  writeFileSync(reason, `${why}\n`);
  console.error(`lac: built without CUDA: ${why.split('\n')[0]}; everything else works (lac doctor)`);
  if (process.argv.includes('--strict')) process.exitCode = 1;
}

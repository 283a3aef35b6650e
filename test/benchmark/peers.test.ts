import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSamples, readStates } from '../../benchmark/peer-messages.js';
import { PeerProcess } from '../../benchmark/peer-process.js';
import type { PeerPoint, Peers } from '../../benchmark/peers.js';
import { startPeers } from '../../benchmark/start-peers.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { dimNames } from '../../driver/choices.js';
import { SourceProject } from '../../driver/source.js';
import { ROOT } from '../house/sources.js';
import { codesOf } from './runs.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-peers-'));
afterAll(() => rmSync(folder, { recursive: true }));
const point: PeerPoint = { kernel: 'k', dims: { N: 4 }, dtypes: { T: 'bf16' }, options: {}, seed: 0 };

const nobody = (): void => {};

let scripts = 0;
/** A program in the place of python that answers each request in turn as given: objects as JSON, texts as they are. */
function fake(...answers: readonly (object | string)[]): { python: string; script: string } {
  const script = join(folder, `${++scripts}.mjs`);
  const said = answers.map((a) => (typeof a === 'string' ? a : `noise\n@${JSON.stringify(a)}\n`));
  writeFileSync(
    script,
    `import { createInterface } from 'node:readline';
const answers = ${JSON.stringify(said)};
createInterface({ input: process.stdin }).on('line', () => {
  const next = answers.shift();
  if (next === 'die') process.exit(3);
  if (next !== undefined) process.stdout.write(next);
});`,
  );
  return { python: process.execPath, script };
}

const started = (...answers: readonly (object | string)[]): Promise<Peers> =>
  running(fake({ kind: 'started' }, ...answers));

async function running(program: { python: string; script: string }): Promise<Peers> {
  const peers = await startPeers({ ...program, patienceMs: 60_000 });
  if ('why' in peers) throw new Error(peers.why);
  return peers;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof LacError)) throw new Error(`not refused: ${String(error)}`);
  expect(error.diagnostics.map((d) => d.code)).toEqual(['LAC0932']);
  return error.message;
}

describe('peers', () => {
  test('say who they are, and how long they take', async () => {
    const states = [
      { name: 'FLA', error: 0.002 },
      { name: 'other', why: 'is\u001b[2J not\ninstalled' },
    ];
    const peers = await started({ kind: 'opened', peers: states }, { kind: 'sampled', samples: { FLA: [1, 2] } });
    expect(await peers.open(point, nobody)).toEqual([
      { name: 'FLA', error: 0.002 },
      { name: 'other', why: 'is [2J not installed' },
    ]);
    expect([...(await peers.sample(['FLA'], 2, nobody))]).toEqual([['FLA', { ms: [1, 2], how: 'timestamp' }]]);
    peers.close();
    expect(await refusal(peers.open(point, nobody))).toContain('closed');
  });

  test.each([
    ['no python3', { python: join(folder, 'missing'), script: 'x' }, /cannot be run/],
    ['one that dies', fake('die'), /ended, with 3/],
    ['one that says no JSON', fake('@{"kind":\n'), /is no JSON/],
  ])('%s is a reason, not an error', async (_what, options, why) => {
    expect(await startPeers(options)).toEqual({ why: expect.stringMatching(why) });
  });

  test.each<[string, object | null, RegExp]>([
    ['a list', [], /is no object/],
    ['null', null, /is no object/],
    ['another kind', { kind: 'sampled', samples: {} }, /is not of the kind opened/],
    ['a failure', { kind: 'failed', why: 'boom' }, /boom/],
    ['no list of peers', { kind: 'opened', peers: { length: 1 } }, /no list/],
    ['a hundred peers', { kind: 'opened', peers: Array(100).fill({ name: 'x', error: 0 }) }, /no list/],
    ['a peer twice', { kind: 'opened', peers: Array(2).fill({ name: 'x', error: 0 }) }, /twice/],
    ['a peer without a name', { kind: 'opened', peers: [{ error: 0 }] }, /no name/],
    ['a negative error', { kind: 'opened', peers: [{ name: 'x', error: -1 }] }, /gives x no error/],
    ['an error that is text', { kind: 'opened', peers: [{ name: 'x', error: '0' }] }, /gives x no error/],
  ])('that answer with %s are refused', (_what, answer, says) => {
    expect(() => readStates(answer)).toThrow(says);
    expect(codesOf(() => readStates(answer))).toEqual(['LAC0932']);
  });

  test.each<[string, object]>([
    ['of somebody else', { other: [1] }],
    ['more than asked for', { FLA: [1, 2, 3] }],
    ['that are none', { FLA: [] }],
    ['below 0', { FLA: [-1] }],
    ['that are text', { FLA: ['1'] }],
    ['of years', { FLA: [1e12] }],
    ['in a number', { FLA: 1 }],
  ])('samples %s are refused', (_what, samples) => {
    const read = (): unknown => readSamples({ kind: 'sampled', samples }, ['FLA'], 2);
    expect(read).toThrow(/samples/);
    expect(codesOf(read)).toEqual(['LAC0932']);
  });

  test('that say more than they were asked, or never end a line, are ended', async () => {
    const { python, script } = fake('@{"kind":"opened"}\n@{"kind":"opened"}\n');
    const twice = new PeerProcess(python, script, 60_000);
    await twice.ask({}, nobody);
    expect(await refusal(twice.ask({}, nobody))).toContain('nobody asked');
    const endless = await started(`@${'x'.repeat(2 ** 20 + 10)}`);
    expect(await refusal(endless.open(point, nobody))).toContain('characters in a line');
  });

  test('say what they are doing', async () => {
    const doing = (peer: string | null, what: string): string => `@${JSON.stringify({ kind: 'doing', peer, what })}\n`;
    const answer = `@${JSON.stringify({ kind: 'opened', peers: [] })}\n`;
    const peers = await started(`${doing(null, 'fp64')}noise\n${doing('FLA', 'first call')}${answer}`);
    const said: string[] = [];
    await peers.open(point, (what) => said.push(what));
    expect(said).toEqual(['fp64', 'FLA, first call']);
    peers.close();
  });

  test.each<[string, string, RegExp]>([
    ['that dies', 'process.exit(3)', /ended, with 3/],
    ['that loses its GPU', 'say({ kind: "lost", why: "illegal access" })', /illegal access/],
    ['that says nonsense', 'process.stdout.write("@{\\n")', /is no JSON/],
  ])('one %s is out, and the others take part', async (_what, act, why) => {
    const script = join(folder, `${++scripts}.mjs`);
    writeFileSync(
      script,
      `import { createInterface } from 'node:readline';
const say = (x) => process.stdout.write(\`@\${JSON.stringify(x)}\\n\`);
createInterface({ input: process.stdin }).on('line', (line) => {
  const { op, without } = JSON.parse(line);
  if (op === 'start') say({ kind: 'started' });
  else if (without.includes('bad')) say({ kind: 'opened', peers: [{ name: 'good', error: 0.001 }] });
  else {
    say({ kind: 'doing', peer: 'bad', what: 'first call' });
    ${act};
  }
});`,
    );
    const peers = await running({ python: process.execPath, script });
    expect(await peers.open(point, nobody)).toEqual([
      { name: 'good', error: 0.001 },
      { name: 'bad', why: expect.stringMatching(why) },
    ]);
    peers.close();
  });

  test('are closed while they start', async () => {
    const interrupted = new AbortController();
    const starting = startPeers({ ...fake(''), signal: interrupted.signal });
    interrupted.abort();
    expect(await starting).toEqual({ why: expect.stringContaining('closed') });
    expect(await startPeers({ ...fake({ kind: 'started' }), signal: interrupted.signal })).toEqual({
      why: expect.stringContaining('closed'),
    });
  });

  test('that say nothing are ended', async () => {
    const silent = await startPeers({ ...fake(''), patienceMs: 500 });
    expect(silent).toEqual({ why: expect.stringContaining('no answer within') });
  });
});

const hasPython = spawnSync('python3', ['--version']).status === 0;

describe.skipIf(!hasPython)('lac_bench_peers.py', () => {
  const python = (program: string) =>
    spawnSync('python3', ['-c', program], {
      cwd: join(ROOT, 'python'),
      encoding: 'utf8',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
  const torch = python('import torch').status === 0;

  test('declares peers of kernels that there are, by their sizes and options', () => {
    const { stdout } = python(
      'import inspect, json, lac_bench_peers as p; print(json.dumps([[k, o, inspect.getsource(s)] for k, o, s in p.PEERS]))',
    );
    const rows = JSON.parse(stdout) as [string, Record<string, boolean>, string][];
    const files = [
      'lightning/forward',
      'lightning/backward',
      'lightning/decode',
      'gla/simple',
      'flash/forward',
      'gemm/gemm',
    ];
    const project = new SourceProject();
    const known = [...files, 'norm/add-rms-norm'].flatMap((file) => {
      const { kernels, plans } = project.read(join(ROOT, 'kernels', `${file}.ts`));
      return [...kernels, ...plans];
    });
    expect(rows.length).toBeGreaterThan(5);
    for (const [kernel, options, source] of rows) {
      const decl = known.find((k) => k.name === kernel);
      expect(decl, kernel).toBeDefined();
      if (decl === undefined) continue;
      expect(Object.keys(decl.options)).toEqual(expect.arrayContaining(Object.keys(options)));
      const sizes = [...source.matchAll(/self\.sizes\(([^)]*)\)|dims\["(\w+)"\]/g)].flatMap(([, list, one]) =>
        one !== undefined ? [one] : [...(list ?? '').matchAll(/"(\w+)"/g)].map(([, name]) => name ?? ''),
      );
      expect(dimNames(decl)).toEqual(expect.arrayContaining(sizes));
    }
  });

  test('takes a kernel with other options for another one', () => {
    const program = `import json, lac_bench_peers as p
name = lambda s: None if s is None else s.__name__
print(json.dumps([name(p.subject_of("flashFwd", o, {"M": 4, "N": 4})) for o in ({}, {"causal": True}, {"causal": True, "x": True}, {"causal": False, "f": "gelu"})] + [name(p.subject_of("nobody", {}, {}))]))`;
    expect(JSON.parse(python(program).stdout)).toEqual(['Attention', 'CausalAttention', null, 'Attention', null]);
  });

  test.skipIf(torch)('says that there is no torch, and leaves nothing behind', async () => {
    const found = await startPeers();
    expect(found).toEqual({ why: expect.stringMatching(/^python3 has no torch/) });
    rmSync(join(ROOT, 'python', '__pycache__'), { recursive: true, force: true });
    expect(existsSync(join(ROOT, 'python', 'lac_bench_peers.py'))).toBe(true);
  });
});

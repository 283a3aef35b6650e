import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { makePlanArtifacts } from '../../driver/plan-artifacts.js';
import { SourceProject } from '../../driver/source.js';
import { type Target, targetNamed } from '../../driver/target.js';
import { readTunedRows } from '../../driver/tuned-file.js';
import { writeFiles } from '../../driver/write-files.js';
import { ArtifactPlan, loadManifest, openDevice } from '../../runtime/index.js';

const RUNS = Number(process.env.LAC_RUNS ?? 400);
const folder = mkdtempSync(join(tmpdir(), 'lac-fuzz-'));
const device = await openDevice('emulate:sm_80');
afterAll(() => {
  device.destroy();
  rmSync(folder, { recursive: true });
});

/** What stands where something else is expected; texts of expressions, names of objects, sizes over every limit. */
const ODD: readonly unknown[] = [
  ...[null, true, -1, 0, 0.5, 2 ** 31, 1e300, '', 'x', '__proto__', 'constructor', '../x', [], {}, [[]]],
  ...[['/', 1, 0], ['*', 'N', 2 ** 40], ['?', 1], { number: 'G' }, { arg: 'x' }, { lac: 1 }],
];

type Node = Record<string, unknown> | unknown[];
const isNode = (x: unknown): x is Node => typeof x === 'object' && x !== null;

/** Replaces, removes or copies one value of a JSON document. */
function changed(text: string, at: number, by: number): string {
  const document: unknown = JSON.parse(text);
  const places: (readonly [Node, string])[] = [];
  const visit = (node: Node): void => {
    for (const [key, value] of Object.entries(node)) {
      places.push([node, key]);
      if (isNode(value)) visit(value);
    }
  };
  if (isNode(document)) visit(document);
  const [node, key] = places[at % places.length] as readonly [Node, string];
  if (by % 4 === 0) Reflect.deleteProperty(node, key);
  else if (by % 4 === 1) Reflect.set(node, key, Reflect.get(...(places[by % places.length] as [Node, string])));
  else Reflect.set(node, key, ODD[by % ODD.length]);
  try {
    return JSON.stringify(document) ?? '';
  } catch {
    return text.slice(0, at % text.length);
  }
}

const anyChange = fc.tuple(fc.nat(100_000), fc.nat(100_000));

/** Only a diagnostic may come of it. */
async function answers(work: () => Promise<void> | void): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return false;
  }
}

async function all(text: string, path: string, use: () => Promise<void> | void): Promise<void> {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(anyChange, async ([at, by]) => {
      writeFileSync(path, changed(text, at, by));
      if (!(await answers(use))) refused++;
    }),
    { numRuns: RUNS },
  );
  expect(refused).toBeGreaterThan(RUNS / 4);
}

test('the manifest of a plan that somebody changed is refused, or launched', { timeout: 600_000 }, async () => {
  const source = 'test/plans/fixtures.ts';
  const decl = new SourceProject().read(source).plans.find((p) => p.name === 'scaled');
  if (decl === undefined) throw new Error('no plan');
  const file = { file: source, text: readFileSync(source, 'utf8') };
  const targets = [targetNamed('sm_80')] as Target[];
  writeFiles(folder, makePlanArtifacts(decl, file, { dims: {}, config: { G: 2 }, dtypes: {}, targets }).files);
  const path = join(folder, 'scaled.json');
  const [x, y] = [device.empty('f32', [5]).fill(1), device.empty('f32', [5]).fill(0)];
  await all(readFileSync(path, 'utf8'), path, async () => {
    const plan = loadManifest(path);
    if (plan instanceof ArtifactPlan) await plan.launch(device, { x, f: 2, y });
  });
});

test('a file of tuned configurations that somebody changed is refused, or read', async () => {
  const path = join(folder, 'k.tune.json');
  let n = 0;
  await all(readFileSync('kernels/lightning/forward.tune.json', 'utf8'), path, () => {
    // Read anew every time: files are told apart by their size and the time of their change.
    writeFileSync(path, `${readFileSync(path, 'utf8')}${' '.repeat(n++)}`);
    readTunedRows(join(folder, 'k.ts'));
  });
});

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../house/sources.js';

/** What a child is told: the folder, then one command a message. */
export type Command = { readonly put: number; readonly from: number; readonly ms: number } | { readonly read: true };

/** The store as JavaScript, and a program over it, below the root so that packages are found. */
export function compileWriter(): { readonly entry: string; remove(): void } {
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, 'build', 'test-store-'));
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noEmit: false, noCheck: true, outDir: 'out', rootDir: ROOT, sourceMap: false },
    include: [join(ROOT, 'store')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], { stdio: 'pipe' });
  const entry = join(folder, 'writer.mjs');
  writeFileSync(entry, WRITER);
  // For a process of another user.
  chmodSync(folder, 0o755);
  return { entry, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/**
 * Puts rows one after another and says after each what came of it. Row C of the process is C microseconds, C times over, so
 * that a row that is torn can be told.
 */
const WRITER = `
import { TuningStore } from './out/store/store.js';
const store = TuningStore.open(process.argv[2]);
const say = (message) => new Promise((done) => process.send(message, done));
if (!(store instanceof TuningStore)) { await say({ why: store.why }); process.exit(0); }
const [, , , name, rows] = process.argv;
await say({ ready: true });
process.once('message', async () => {
  for (let C = 1; C <= Number(rows); C++) {
    const samples = { ms: Array(1 + (C % 50)).fill(C), how: 'host' };
    const ok = store.put({ kernel: name, hash: '', device: 'd', architecture: 'a', dtypes: {}, comptime: {}, options: {}, sizes: { N: C % 3 } },
      { config: { C }, state: 'measured', samples });
    await say({ put: C, ok, notes: store.notes });
  }
  await say({ done: true });
  process.disconnect();
});
`;

export interface Said {
  readonly why?: string;
  readonly ready?: true;
  readonly put?: number;
  readonly ok?: boolean;
  readonly notes?: readonly string[];
  readonly done?: true;
}

export interface Writer {
  readonly child: ChildProcess;
  /** Everything that it said, once it is gone. */
  readonly gone: Promise<readonly Said[]>;
}

/** Starts a writer, which waits for a message to begin; `onSaid` may kill it. `shell` comes before node, as of ulimit. */
export function startWriter(
  entry: string,
  args: { readonly folder: string; readonly name: string; readonly rows: number },
  onSaid: (said: Said, child: ChildProcess) => void,
  { shell = '', uid }: { readonly shell?: string; readonly uid?: number } = {},
): Writer {
  const command = [process.execPath, entry, args.folder, args.name, String(args.rows)];
  const child = spawn('bash', ['-c', `${shell}\nexec "$0" "$@"`, ...command], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    ...(uid === undefined ? {} : { uid }),
  });
  const all: Said[] = [];
  child.on('message', (said: Said) => {
    all.push(said);
    onSaid(said, child);
  });
  const gone = new Promise<readonly Said[]>((done, failed) => {
    child.on('error', failed);
    child.on('close', () => done(all));
  });
  return { child, gone };
}

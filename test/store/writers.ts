import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { builtSources } from '../setup/built.js';

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

export const writerFile = (): string => join(builtSources(), 'test', 'store', 'writer.js');

/** Starts a writer, which waits for a message to begin; `onSaid` may kill it. `shell` comes before node, as of ulimit. */
export function startWriter(
  args: { readonly folder: string; readonly name: string; readonly rows: number },
  onSaid: (said: Said, child: ChildProcess) => void,
  { shell = '', uid }: { readonly shell?: string; readonly uid?: number } = {},
): Writer {
  const command = [process.execPath, writerFile(), 'rows', args.folder, args.name, String(args.rows)];
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

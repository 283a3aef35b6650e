import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../house/sources.js';
import { builtSources } from '../setup/built.js';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LacOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Called with what was printed so far; what it returns is sent as a signal. */
  readonly onOutput?: (stdout: string) => NodeJS.Signals | undefined;
}

/** The command as users run it: compiled JavaScript in a process of its own, no terminal. */
export interface Lac {
  /** The compiled entry, for `node`. */
  readonly main: string;
  run(args: readonly string[], options?: LacOptions): Promise<Outcome>;
  /** Events of `--format json`. */
  events(args: readonly string[], options?: LacOptions): Promise<Outcome & { readonly events: readonly Event[] }>;
  /** Ends what is under way: a test that fails for want of time does not wait for its command. */
  close(): void;
}

export type Event = Readonly<Record<string, unknown>> & { readonly v: 1; readonly event: string };

/** What ends the commands that are under way. */
const running = new Set<() => unknown>();

/** The sources as they were when the first test of the run asked. */
export function buildLac(): Lac {
  const main = join(builtSources(), 'cli', 'main.js');
  const run = (args: readonly string[], options: LacOptions = {}): Promise<Outcome> => start(main, args, options);
  return {
    main,
    run,
    async events(args, options) {
      const outcome = await run(['--format', 'json', ...args], options);
      const lines = outcome.stdout.split('\n').filter((line) => line !== '');
      return { ...outcome, events: lines.map((line) => JSON.parse(line) as Event) };
    },
    close(): void {
      for (const end of running) end();
    },
  };
}

function start(main: string, args: readonly string[], { cwd, env, stdin, onOutput }: LacOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: cwd ?? ROOT,
      env: { ...process.env, FORCE_COLOR: '', NO_COLOR: '', ...env },
      stdio: 'pipe',
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const signal = onOutput?.(stdout);
      if (signal !== undefined) child.kill(signal);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const end = (): unknown => child.kill('SIGKILL');
    running.add(end);
    child.on('error', reject).on('close', (code) => {
      running.delete(end);
      resolve({ code, stdout, stderr });
    });
    child.stdin.end(stdin ?? '');
  });
}

/** A folder of its own for one test, with files in it. */
export function scratch(files: Readonly<Record<string, string>> = {}): {
  path: (name?: string) => string;
  remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'lac-cli-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return { path: (name = '') => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

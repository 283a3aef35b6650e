import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Device, openDevice } from '../../runtime/index.js';
import { type CheckCase, casesOf, caseText } from './cases.js';
import { type Outcome, runCase } from './check-case.js';

/**
 * Compares kernels on a device with their f64 references, over odd shapes, strides, the published shapes and the tuned
 * configurations; every failure is a line, and the counts come last:
 *   node dist/bench/cuda/check.js [--set all] [--device cuda:0] [--jobs 12] [--limit-s 90] [--only REGEX]
 * The references take the host's time, so that several processes share the cases; one that dies costs one case.
 * `--jobs 0` runs in this process, for compute-sanitizer.
 */
const { values: options } = parseArgs({
  options: {
    set: { type: 'string', default: 'all' },
    device: { type: 'string', default: 'cuda:0' },
    configs: { type: 'string', default: 'bench/cuda/configs.json' },
    jobs: { type: 'string', default: String(Math.min(12, availableParallelism())) },
    'limit-s': { type: 'string', default: '90' },
    only: { type: 'string', default: '' },
    child: { type: 'boolean', default: false },
  },
});

type Reply = { readonly ready: true } | Outcome;

/** Runs cases one after another; a lost device is opened anew. */
class Runner {
  #device: Device | null = null;

  async run(c: CheckCase): Promise<Outcome> {
    try {
      this.#device ??= await openDevice(options.device);
      const outcome = await runCase(c, this.#device);
      if (this.#device.state !== 'open') this.close();
      return outcome;
    } catch (error) {
      this.close();
      const message = error instanceof Error ? error.message : String(error);
      return { group: c.group, correct: 0, refused: 0, failures: [`${caseText(c)}: ${message.split('\n')[0]}`] };
    }
  }

  close(): void {
    this.#device?.destroy();
    this.#device = null;
  }
}

function serveCases(): void {
  const runner = new Runner();
  const reply = (message: Reply): void => void process.send?.(message);
  process.on('message', (c: CheckCase | 'end') => {
    if (c === 'end') {
      runner.close();
      process.disconnect();
    } else void runner.run(c).then(reply);
  });
  reply({ ready: true });
}

/** Hands the cases to a process of its own, until none is left. Resolves when it has ended. */
async function worker(queue: CheckCase[], tell: (outcome: Outcome) => void): Promise<void> {
  while (queue.length > 0) {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--child']);
    await new Promise<void>((done) => drive(child, queue, tell, done));
  }
}

function drive(child: ChildProcess, queue: CheckCase[], tell: (outcome: Outcome) => void, done: () => void): void {
  let current: CheckCase | undefined;
  let timer: NodeJS.Timeout | undefined;
  let late = false;
  child.on('message', (message: Reply) => {
    clearTimeout(timer);
    if ('group' in message) tell(message);
    current = queue.shift();
    child.send(current ?? 'end');
    if (current === undefined) return;
    timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, Number(options['limit-s']) * 1000);
  });
  child.on('exit', (status, signal) => {
    clearTimeout(timer);
    if (current !== undefined) {
      const why = late ? `no result after ${options['limit-s']} s` : `the process died of ${signal ?? status}`;
      tell({ group: current.group, correct: 0, refused: 0, failures: [`${caseText(current)}: ${why}`] });
    }
    done();
  });
}

interface Counts {
  readonly correct: number;
  readonly failed: number;
  readonly refused: number;
}

const sum = (a: Counts, b: Counts): Counts => ({
  correct: a.correct + b.correct,
  failed: a.failed + b.failed,
  refused: a.refused + b.refused,
});
const NONE: Counts = { correct: 0, failed: 0, refused: 0 };

const countsText = ({ correct, failed, refused }: Counts): string =>
  `${correct} correct, ${failed} failed${refused > 0 ? `, ${refused} refused for want of shared memory or registers` : ''}`;

class Tally {
  readonly #groups = new Map<string, Counts>();

  readonly tell = ({ group, correct, refused, failures }: Outcome): void => {
    const counts = { correct, refused, failed: failures.length };
    this.#groups.set(group, sum(this.#groups.get(group) ?? NONE, counts));
    for (const line of failures) console.log(`FAIL  ${line}`);
  };

  /** Whether all were correct, and some were there. */
  close(seconds: number): boolean {
    for (const [group, counts] of this.#groups) console.log(`${group}: ${countsText(counts)}`);
    const all = [...this.#groups.values()].reduce(sum, NONE);
    console.log(`check: ${countsText(all)}, ${seconds.toFixed(0)} s`);
    return all.failed === 0 && all.correct > 0;
  }
}

async function check(): Promise<void> {
  const begin = performance.now();
  const only = new RegExp(options.only);
  const queue = casesOf(options.set, options.configs).filter((c) => only.test(caseText(c)));
  const tally = new Tally();
  const jobs = Math.min(Number(options.jobs), queue.length);
  if (jobs === 0) {
    const runner = new Runner();
    for (const c of queue) tally.tell(await runner.run(c));
    runner.close();
  } else await Promise.all(Array.from({ length: jobs }, () => worker(queue, tally.tell)));
  if (!tally.close((performance.now() - begin) / 1000)) process.exitCode = 1;
}

if (options.child) serveCases();
else await check();

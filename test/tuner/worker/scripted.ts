import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Children that have no compiler and no device: a few lines of JavaScript that answer as they like. `on(kind, f)` says what
 * to do with a request: `f(message, at, answer)`; `at(stage)` tells the stage, `answer(fields, unfit)` answers.
 */
export class Scripts {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lac-scripted-'));
  #count = 0;

  entry(body: string): URL {
    return this.#script(`${PRELUDE}\n${body}`);
  }

  /**
   * One that compiles ahead: `on.compile(config)` does as it likes with a configuration, `on.model` with one to estimate; `at(stage)` tells the stage,
   * `done(compilation)` answers.
   */
  compiler(body: string): URL {
    return this.#script(`${COMPILER}\n${body}`);
  }

  /**
   * One that asks references: `on.ask(problem)` does as it likes, `known(N)` answers, `went` is a file of the N that it was asked
   * for, each with the process.
   */
  references(body: string, went: string): URL {
    return this.#script(`${REFERENCES}\nconst went = ${JSON.stringify(went)};\n${body}`);
  }

  #script(text: string): URL {
    const file = join(this.#folder, `child-${++this.#count}.mjs`);
    writeFileSync(file, text);
    return pathToFileURL(file);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const COMMON = `
import { appendFileSync, readFileSync } from 'node:fs';
const lives = new URL(import.meta.url + '.lives');
appendFileSync(lives, '.');
/** Which process of this script it is, from 1. */
const life = readFileSync(lives, 'utf8').length;
const never = () => new Promise(() => {});
const crash = () => { process.kill(process.pid, 'SIGSEGV'); return never(); };
const send = (message) => new Promise((resolve) => process.send(message, resolve));
`;

const COMPILER = `${COMMON}
const at = (stage) => send({ kind: 'stage', stage });
const done = (compilation = { programs: [], compileMs: 7 }) => send({ kind: 'compiled', compilation });
const on = {
  compile: async () => { await at('compile'); await done(); },
  model: () => send({ kind: 'modelled', modelled: null }),
};
process.on('message', ({ kind, config }) => {
  if (kind === 'end') process.exit(0);
  if (kind === 'begin') void send({ kind: 'ready' });
  else if (kind === 'model') void on.model(config);
  else if (kind === 'compile') void on.compile(config);
});
process.on('disconnect', () => process.exit(0));
`;

const REFERENCES = `${COMMON}
let asked;
const known = (N) => send({ id: asked, known: { dims: { N }, reduced: { outputs: {}, sizes: {} }, full: null } });
const on = { ask: ({ dims }) => known(dims.N) };
process.on('message', ({ id, problem }) => {
  asked = id;
  appendFileSync(went, problem.dims.N + ' ' + process.pid + '\\n');
  void on.ask(problem);
});
process.on('disconnect', () => process.exit(0));
`;

const PRELUDE = `${COMMON}
const does = {};
const on = (kind, f) => { does[kind] = f; };
const nothing = { outputs: {}, sizes: {} };
const device = { backend: 'interpret', name: 'scripted', info: {}, limits: {}, notes: [], features: [] };
on('open', (request, at, answer) => answer({ kind: 'ready', device, known: { dims: {}, reduced: nothing, full: nothing } }));
const row = (config, more = {}) => ({ kind: 'prepared', row: { config, state: 'open', ...more }, launchMs: 1, trusted: null, known: null });
on('prepare', ({ config }, at, answer) => answer(row(config)));
on('sample', ({ configs, count }, at, answer) =>
  answer({ kind: 'sampled', results: configs.map(() => ({ ms: Array(count).fill(1), how: 'host' })) }));
on('leave', (request, at, answer) => answer({ kind: 'left' }));
on('recheck', (request, at, answer) => answer({ kind: 'rechecked', row: null }));
process.on('message', (message) => {
  if (message.kind === 'end') process.exit(0);
  const { id, request } = message;
  void does[request.kind](request, (stage) => send({ id, stage }), (answer, unfit = false) => send({ id, answer, unfit }));
});
`;

/** The child's side of the channel: requests in, stages and answers out. */
import type { Device } from '../../runtime/device.js';
import type { CudaDevice } from '../../runtime/index.js';
import { knownOf } from './known.js';
import type { Answer, DeviceDescription, FromChild, Request, Stage, ToChild } from './protocol.js';
import { type Announce, Session } from './session.js';
import { readSource, subjectOf } from './subject.js';
import { say, untilParentEnds } from './to-parent.js';
import { Over, UnderWay } from './under-way.js';
import { failureOf } from './verdict.js';

export type OpenDevice = (which: string) => Promise<Device>;

type Answered = Omit<Extract<FromChild, { readonly answer: Answer }>, 'id'>;

/** Serves the process that forked this one until it says `end`, or is gone. */
export function serve(open: OpenDevice): void {
  const server = new Server(open);
  untilParentEnds(() => server.end());
  process.on('message', (message: ToChild) => {
    if ('kind' in message) server.end();
    else void server.answer(message);
  });
}

class Server {
  readonly #open: OpenDevice;
  #device: Device | null = null;
  #session: Session | null = null;
  #underWay = new UnderWay();
  /** As it once told its parent. */
  #isUnfit = false;

  constructor(open: OpenDevice) {
    this.#open = open;
  }

  end(): never {
    this.#device?.destroy();
    process.exit(0);
  }

  async answer({ id, request }: Extract<ToChild, { readonly id: number }>): Promise<void> {
    try {
      const announce = this.#underWay.announcing((stage: Stage) => tell({ id, stage }));
      const answered = request.kind === 'leave' ? this.#leave() : this.#underWay.add(this.#do(request, announce));
      const { answer, unfit } = await answered;
      this.#isUnfit ||= unfit;
      await tell({ id, answer, unfit });
    } catch (error) {
      this.#isUnfit ||= !(error instanceof Over);
      await tell({ id, answer: { kind: 'failed', failure: failureOf(error) }, unfit: true });
    }
  }

  /** What was unfit once remains so, and a device that is not well says so. */
  async #leave(): Promise<Answered> {
    const [session, underWay] = [this.#session, this.#underWay];
    this.#session = null;
    await underWay.end();
    this.#underWay = new UnderWay();
    session?.end();
    await this.#device?.synchronize();
    return { answer: { kind: 'left' }, unfit: this.#isUnfit };
  }

  async #do(request: Exclude<Request, { kind: 'leave' }>, announce: Announce): Promise<Answered> {
    if (request.kind === 'open') return this.#begin(request, announce);
    const session = this.#session;
    if (session === null) throw new Error('a worker was asked before it had a problem');
    if (request.kind === 'prepare') {
      const { unfit, ...prepared } = await session.prepare(request.config, announce, request.programs);
      return { answer: { kind: 'prepared', ...prepared }, unfit };
    }
    if (request.kind === 'recheck') {
      const { unfit, row } = await session.recheck(request.config, announce);
      return { answer: { kind: 'rechecked', row }, unfit };
    }
    const { unfit, results } = await session.sample(request, announce);
    return { answer: { kind: 'sampled', results }, unfit };
  }

  async #begin(request: Extract<Request, { kind: 'open' }>, announce: Announce): Promise<Answered> {
    await announce('open');
    // Drivers open devices while this thread reads; what keeps the device from opening is said first.
    const opening = this.#device === null ? this.#open(request.device) : Promise.resolve(this.#device);
    const reading = readSource(request.problem);
    reading.catch(() => {});
    const device = await opening;
    this.#device = device;
    const subject = subjectOf(request.problem, await reading, device.info.kind);
    await announce('reference');
    const known = request.known ?? knownOf(subject);
    const { trusted, caches } = request;
    this.#session = new Session({ device, subject, known, trusted, caches });
    return { answer: { kind: 'ready', device: describe(device), known }, unfit: false };
  }
}

function describe(device: Device): DeviceDescription {
  const { backend, name, info, limits, notes, features } = device;
  const cuda = backend === 'cuda' ? { properties: (device as CudaDevice).properties } : {};
  return { backend, name, info, limits, notes, features: [...features], ...cuda };
}

const tell = (message: FromChild): Promise<void> => say(message);

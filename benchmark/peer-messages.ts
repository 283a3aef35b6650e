/** Answers of another program: nothing in them is believed before it was looked at. Throws LacError LAC0932. */
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Samples } from '../tuner/types.js';
import type { PeerState } from './peers.js';

type Fields = Readonly<Record<string, unknown>>;
const isRecord = (x: unknown): x is Fields => typeof x === 'object' && x !== null && !Array.isArray(x);

const MOST_PEERS = 16;
const MOST_TEXT = 300;

/** What a terminal would obey. */
const CONTROL = /\p{Cc}+/gu;

const refused = (what: string): LacError => new LacError(diagnostic('LAC0932', `the peers' answer ${what}`));

function textOf(x: unknown, what: string): string {
  if (typeof x === 'string' && x !== '') return x.replaceAll(CONTROL, ' ').slice(0, MOST_TEXT);
  throw refused(`has no ${what}`);
}

function fieldsOf(answer: unknown, kind: string): Fields {
  if (!isRecord(answer)) throw refused('is no object');
  if (answer.kind === 'failed') throw refused(`is a failure: ${textOf(answer.why, 'reason')}`);
  if (answer.kind !== kind) throw refused(`is not of the kind ${kind}`);
  return answer;
}

/** Null: ready. Else why nothing can be measured there. */
export function readStart(answer: unknown): string | null {
  if (isRecord(answer) && answer.kind === 'unavailable') return textOf(answer.why, 'reason');
  fieldsOf(answer, 'started');
  return null;
}

/** What it does before it answers, and which peer is at work. */
interface Doing {
  readonly peer: string | null;
  readonly what: string;
}

/** What is no answer yet: null where it is one. */
export function readDoing(message: unknown): Doing | null {
  if (!isRecord(message) || message.kind !== 'doing') return null;
  const { peer } = message;
  return { peer: peer === null ? null : textOf(peer, 'name'), what: textOf(message.what, 'what') };
}

/** Why it ends itself, where this is what it says. */
export const readLost = (message: unknown): string | null =>
  isRecord(message) && message.kind === 'lost' ? textOf(message.why, 'reason') : null;

export function readStates(answer: unknown): readonly PeerState[] {
  const { peers } = fieldsOf(answer, 'opened');
  if (!Array.isArray(peers) || peers.length > MOST_PEERS) throw refused('has no list of peers');
  const states = peers.map(stateOf);
  if (new Set(states.map((s) => s.name)).size !== states.length) throw refused('names a peer twice');
  return states;
}

function stateOf(x: unknown): PeerState {
  if (!isRecord(x)) throw refused('has a peer that is no object');
  const name = textOf(x.name, 'name');
  if (x.why !== undefined) return { name, why: textOf(x.why, 'reason') };
  const { error } = x;
  if (typeof error === 'number' && error >= 0 && error < Number.POSITIVE_INFINITY) return { name, error };
  throw refused(`gives ${name} no error`);
}

/** Longest launch that is believed, milliseconds. */
const MOST_MS = 1e7;

/** As many samples as were asked for at most, of exactly those that were asked. */
export function readSamples(answer: unknown, names: readonly string[], count: number): ReadonlyMap<string, Samples> {
  const { samples } = fieldsOf(answer, 'sampled');
  if (!isRecord(samples)) throw refused('has no samples');
  const found = Object.entries(samples).map(([name, ms]): readonly [string, Samples] => {
    if (!names.includes(name)) throw refused('has samples of what was not asked');
    if (!isTimes(ms) || ms.length === 0 || ms.length > count) throw refused(`has no samples of ${name}`);
    return [name, { ms, how: 'timestamp' }];
  });
  return new Map(found);
}

const isTimes = (x: unknown): x is readonly number[] =>
  Array.isArray(x) && x.every((ms) => typeof ms === 'number' && ms > 0 && ms < MOST_MS);

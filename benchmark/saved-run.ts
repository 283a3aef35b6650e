import { DTYPES, type DType } from '../compiler/ir/types.js';
import type { OptionValue } from '../driver/reference.js';
import { JsonValue } from '../runtime/json-value.js';
import { readTextFile } from '../runtime/read-text-file.js';
import { figuresOf } from './figures.js';
import type { BenchRun, Bound, CeilingName, Ceilings, Entry, Point, Work } from './types.js';

/** Form of the file: a reader of another one refuses it. */
const VERSION = 1;
const KIND = 'bench';
const MOST_BYTES = 2 ** 28;

/** A run as JSON: all that was measured, and what follows from it for whoever reads the file without lac. */
export const savedRun = (run: BenchRun): string => `${JSON.stringify({ lac: VERSION, kind: KIND, ...run }, null, 1)}\n`;

/** A run that `savedRun` wrote. Throws LacError LAC0931. */
export function readRun(file: string): BenchRun {
  return runOf(JsonValue.parse(readTextFile(file, MOST_BYTES, 'LAC0931'), file, 'LAC0931'));
}

function runOf(json: JsonValue): BenchRun {
  if (json.get('kind').string() !== KIND) throw json.wrong('was not written by lac bench');
  const version = json.get('lac').whole();
  if (version !== VERSION) throw json.wrong(`has the form ${version}; this lac reads ${VERSION}`, 'measure it again');
  return {
    device: json.get('device').string(),
    fingerprint: json.get('fingerprint').string(),
    date: json.get('date').string(),
    ceilings: ceilingsOf(json.get('ceilings')),
    points: json.get('points').array().map(pointOf),
    notes: json
      .get('notes')
      .array()
      .map((note) => note.string()),
  };
}

const CEILINGS: readonly CeilingName[] = ['copy', 'multiply-add', 'product f32', 'product f16', 'product bf16'];

export function ceilingsOf(json: JsonValue): Ceilings {
  json.only(...CEILINGS);
  return json.record((ceiling) => ({
    perSecond: ceiling.get('perSecond').number(Number.MIN_VALUE),
    config: ceiling.get('config').record((value) => value.whole()),
  }));
}

function pointOf(json: JsonValue): Point {
  const bound = json.get('bound');
  return {
    kernel: json.get('kernel').string(),
    dims: sizesOf(json.get('dims')),
    dtypes: json.get('dtypes').record((value) => value.oneOf(DTYPES as readonly DType[])),
    options: json.get('options').record(optionOf),
    work: workOf(json.get('work')),
    bound: bound.raw === null ? null : boundOf(bound),
    entries: json.get('entries').array().map(entryOf),
  };
}

const sizesOf = (json: JsonValue): Readonly<Record<string, number>> => json.record((value) => value.whole());

function optionOf(json: JsonValue): OptionValue {
  const { raw } = json;
  if (typeof raw === 'boolean' || typeof raw === 'number' || typeof raw === 'string') return raw;
  throw json.wrong('is no option');
}

function workOf(json: JsonValue): Work {
  const count = (key: string): number | null => {
    const value = json.get(key);
    return value.raw === null ? null : value.number(0);
  };
  return { bytes: json.get('bytes').number(0), flops: count('flops'), tokens: count('tokens') };
}

const boundOf = (json: JsonValue): Bound => ({ ms: json.get('ms').number(0), by: json.get('by').oneOf(CEILINGS) });

const TEXTS = ['why', 'code', 'chosen'] as const;

function entryOf(json: JsonValue): Entry {
  const [config, checkedAt, rmse, time] = ['config', 'checkedAt', 'rmse', 'time'].map((key) => json.optional(key));
  const texts = TEXTS.flatMap((key) => {
    const text = json.optional(key);
    return text === undefined ? [] : [[key, text.string()] as const];
  });
  return {
    role: json.get('role').oneOf(['kernel', 'baseline', 'peer']),
    name: json.get('name').string(),
    state: json.get('state').oneOf(['measured', 'unchecked', 'wrong', 'failed']),
    ...Object.fromEntries(texts),
    ...(config === undefined ? {} : { config: sizesOf(config) }),
    ...(checkedAt === undefined ? {} : { checkedAt: sizesOf(checkedAt) }),
    ...(rmse === undefined ? {} : { rmse: rmse.number(0) }),
    ...(time === undefined ? {} : { time: timeOf(time) }),
  };
}

/** Medians and the like follow from the samples: those of the file are not believed. */
function timeOf(json: JsonValue): Entry['time'] & object {
  const ms = json.get('ms').array();
  if (ms.length === 0) throw json.wrong('has no samples');
  return figuresOf({ ms: ms.map((value) => value.number(0)), how: json.get('how').oneOf(['timestamp', 'host']) });
}

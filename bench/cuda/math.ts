import { parseArgs } from 'node:util';
import { boundOf, POWER } from '../../compiler/ops/accuracy.js';
import { openDevice } from '../../runtime/index.js';
import { table } from '../table.js';
import { type Measured, measureErrors } from './math-errors.js';

/**
 * The largest error of every float function on a device, over bit patterns of all exponents and signs, and whether the
 * bounds of compiler/ops/accuracy.ts hold:
 *   node dist/bench/cuda/math.js [--device cuda:0] [--count 4194304]
 */
const { values: options } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    count: { type: 'string', default: String(2 ** 22) },
  },
});

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** Every 2^32 / count-th bit pattern, infinities, NaN and subnormals among them. */
function everyFloat(count: number): Float64Array {
  const step = Math.max(1, Math.floor(2 ** 32 / count));
  return Float64Array.from({ length: count }, (_, i) => {
    // The low bits of the patterns change too.
    bits[0] = i * step + ((Math.imul(i, 0x9e3779b1) >>> 0) % step);
    return float[0] as number;
  });
}

/** Second operands: small ones of both signs, zeros, and floats of every exponent. */
function partners(count: number): Float64Array {
  const wide = everyFloat(count);
  return Float64Array.from({ length: count }, (_, i) => {
    if (i % 4 === 0) return wide[Math.imul(i, 0x85ebca6b) >>> (0 % count)] ?? 1;
    return Math.fround(((i % 1000) - 500) / 64);
  });
}

const count = Number(options.count);
const device = await openDevice(options.device);
const backend = device.backend === 'webgpu' ? 'wgsl' : 'ptx';
const measured = await measureErrors(device, everyFloat(count), partners(count));
device.destroy();

const boundText = ({ name }: Measured): string => {
  const { ulp, perX } = name === '**' ? POWER[backend] : boundOf(name, 'f32', backend);
  return perX === undefined ? String(ulp) : `${ulp} + ${perX} |${name === '**' ? 't' : 'x'}|`;
};
const rows = measured.map((m) => [
  ...[m.name, m.ulp.toFixed(2), m.at.map((x) => x.toPrecision(9)).join(', '), boundText(m), m.share.toFixed(2)],
  m.wrong === 0 ? 'ok' : `FAIL ${m.wrong}`,
]);
console.log(`${device.name}: ${count} operands a function`);
console.log(table(['function', 'largest error (ulp)', 'at', 'bound (ulp)', 'share of bound', ''], rows));
for (const m of measured) for (const fault of m.faults) console.log(fault);
if (measured.some((m) => m.wrong > 0)) process.exitCode = 1;

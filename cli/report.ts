import type { Colors } from 'picocolors/types.js';
import type { Comparison } from '../driver/compare.js';
import type { Report } from '../driver/run.js';
import type { Device, Timing } from '../runtime/index.js';
import { decimal, errorFigure, milliseconds, pairs, quantity } from './figures.js';

const LABEL = 9;
const line = (label: string, text: string): string => `${label.padEnd(LABEL)} ${text}`;

export function deviceLine(device: Pick<Device, 'name' | 'backend'>): string {
  const through = { webgpu: ', through WebGPU', cuda: ', through CUDA', emulate: '', interpret: '' }[device.backend];
  return line('device', `${device.name}${through}`);
}

/** A run in a few readable lines. */
export function reportText(report: Report, readMs: number, colors: Colors, verbose: boolean): string {
  const { compile, timing, tokens } = report;
  const proper = compile.lower + compile.passes + compile.codegen;
  const tried = report.refused.length;
  const search =
    tried === 0
      ? ''
      : `, ${tried} configuration${tried === 1 ? '' : 's'} refused ${milliseconds(Math.max(0, compile.total - proper))}`;
  const compileText = `${milliseconds(readMs + compile.total)} (reading ${milliseconds(readMs)}, compiler ${milliseconds(proper)}${search})`;
  const runMs = timing?.medianMs ?? report.firstRunMs;
  const speed = tokens === null || tokens === 0 || runMs === 0 ? '' : `, ${quantity((tokens * 1000) / runMs)} tokens/s`;
  const nothing = report.outputs.length > 0 && report.outputs.every((o) => o.worst === null);
  const how = timing === null ? 'first launch' : measuredHow(timing);
  const lines = [
    line('kernel', `${report.kernel}  ${pairs(report.dims)}${settings(report)}`),
    line('config', pairs(report.config)),
    line(
      'compile',
      report.pipelineMs > 0.05 ? `${compileText}, then ${milliseconds(report.pipelineMs)} in the driver` : compileText,
    ),
    line('run', nothing ? 'nothing to do: an extent is 0' : `${milliseconds(runMs)} (${how})${speed}`),
    ...(report.host.reference > SLOW_MS ? [line('host', hostText(report))] : []),
    ...report.outputs.map((o) => line('error', outputText(o))),
    ...(verbose ? details(report) : []),
    line('verdict', verdict(report, colors)),
  ];
  return lines.filter((l) => l.trim() !== 'config').join('\n');
}

/** A reference that took so long is why the command did. */
const SLOW_MS = 1000;

const hostText = ({ host }: Report): string =>
  `reference ${milliseconds(host.reference)}, comparison ${milliseconds(host.comparison)}, inputs ${milliseconds(host.inputs)}`;

/** `median of 20, GPU time`. */
function measuredHow({ samples, how }: Timing): string {
  const clock = how === 'timestamp' ? 'GPU time' : 'host time';
  return samples.length === 1 ? `one launch, ${clock}` : `median of ${samples.length}, ${clock}`;
}

function settings({ dtypes, options }: Report): string {
  const plain = Object.entries(options).filter(([, value]) => typeof value !== 'string');
  const parts = [pairs(dtypes), pairs(Object.fromEntries(plain))].filter((text) => text !== '');
  return parts.map((text) => `  ${text}`).join('');
}

/** `o: RMSE 3.1e-7 (allowed 1.0e-5), worst element 2.0e-6 (allowed 1.0e-4) at [0, 1, 999, 3]`; both relative. */
function outputText(o: Comparison): string {
  const { tolerance, worst } = o;
  if (worst === null) return `${o.output}: no elements`;
  const rmse = `relative RMSE ${errorFigure(o.rmse)} (allowed ${errorFigure(tolerance.rmse)})`;
  const element = `worst element ${errorFigure(o.maxElement)} (allowed ${errorFigure(tolerance.element)})`;
  const at = o.maxElement === 0 ? '' : ` at [${worst.index.join(', ')}]`;
  const wrong = o.ok ? '' : `: got ${decimal(worst.got)}, want ${decimal(worst.want)}`;
  const odd = o.nonFinite > 0 ? `; ${o.nonFinite} elements are NaN or infinite where the reference is not` : '';
  return `${o.output}: ${rmse}, ${element}${at}${wrong}${odd}`;
}

function details({ chosen, refused, skipped, facts, compile, damaged }: Report): string[] {
  return [
    line('chosen', chosen),
    line(
      'stages',
      `lower ${milliseconds(compile.lower)}, passes ${milliseconds(compile.passes)}, codegen ${milliseconds(compile.codegen)}`,
    ),
    ...refused.map((r) => line('refused', `${pairs(r.config)}: ${r.why.message}`)),
    ...(skipped > 0 ? [line('skipped', `${skipped} more, which need no less`)] : []),
    ...Object.entries(facts).map(([name, f]) =>
      line('facts', `${name}: ${f.contiguous ? 'contiguous' : 'strided'}, aligned to ${f.align}`),
    ),
    ...damaged.map((d) =>
      line('damage', `${d.output}: ${d.damage.where} it, element ${d.damage.element}, ${d.damage.changed} bytes`),
    ),
  ];
}

function verdict(report: Report, colors: Colors): string {
  if (report.damaged.length > 0) {
    const names = report.damaged.map((d) => d.output).join(', ');
    return colors.red(`WRONG: wrote outside of ${names}`);
  }
  if (!report.checked) return colors.yellow('not checked');
  if (report.ok) return colors.green('correct');
  return colors.red(
    `WRONG: ${report.outputs
      .filter((o) => !o.ok)
      .map((o) => o.output)
      .join(', ')} differs from the reference`,
  );
}

/** A run as an event: everything but the values of the outputs. */
export function reportEvent({ values: _values, warnings: _warnings, ...report }: Report, readMs: number) {
  const runMs = report.timing?.medianMs ?? report.firstRunMs;
  const tokensPerSecond = report.tokens === null ? null : (report.tokens * 1000) / runMs;
  return { ...report, readMs, runMs, tokensPerSecond };
}

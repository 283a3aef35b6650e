import { type DeviceEntry, listDevices } from '../runtime/index.js';
import type { Verb } from './context.js';
import { EXIT } from './exit.js';

/** `lac devices`: every device that opens on this machine, best first. The interpreter is always there. */
export const devices: Verb<undefined, object> = async (_args, _options, { output }) => {
  const { devices: list, failures } = await listDevices();
  const width = Math.max(...list.map((d) => d.which.length));
  for (const device of list) output.result(deviceText(device, width), { ...device });
  for (const { which, reason } of failures) output.detail(`${which} does not open: ${reason}`);
  return EXIT.ok;
};

function deviceText({ which, name, info, limits, features }: DeviceEntry, width: number): string {
  const line = `${which.padEnd(width)}  ${name}`;
  if (info.kind === 'interpret') return `${line}: defines what is right; slow`;
  const kind = info.kind === 'software' ? 'on the CPU' : 'GPU';
  const memory = `${limits.maxWorkgroupBytes / 1024} KiB workgroup memory`;
  const generation = info.sm === undefined ? [] : [info.architecture, info.driver];
  const facts = [kind, ...generation, memory, `${limits.maxInvocations} invocations`, ...[...features].sort()];
  return `${line}\n${' '.repeat(width)}  ${facts.filter((fact) => fact !== '').join(', ')}`;
}

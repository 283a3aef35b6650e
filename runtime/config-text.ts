/** `C=64,warps=1`: as `--config` takes it, or with something else between the knobs. */
export const configText = (config: Readonly<Record<string, number>>, between = ','): string =>
  Object.entries(config)
    .map(([knob, value]) => `${knob}=${value}`)
    .join(between);

import type { WgslVariant } from '../../compiler/artifact.js';
import { Bug } from '../../compiler/diag/diagnostic.js';
import { messageOf, runtimeError } from '../errors.js';
import { STAGE_COMPUTE } from './flags.js';
import { patiently } from './polling.js';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Compiled programs kept; a tuner meets many that it never uses again. */
const MAX_KEPT = 256;

/** Compiled programs by their text. */
export class PipelineCache {
  readonly #gpu: GPUDevice;
  readonly #made = new Map<string, Promise<Pipeline>>();

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** Throws Bug for text that is not valid WGSL, LAC0709 where the driver gives up. */
  get(variant: WgslVariant): Promise<Pipeline> {
    const bindings = variant.bindings.map((b) => `${b.index}${b.access}`).join(' ');
    const key = `${variant.entry} ${variant.paramsBinding} ${bindings}\n${variant.text}`;
    const made = this.#made.get(key) ?? this.#compile(variant);
    this.#made.delete(key);
    this.#made.set(key, made);
    made.catch(() => this.#made.delete(key));
    const [oldest] = this.#made.keys();
    if (this.#made.size > MAX_KEPT && oldest !== undefined) this.#made.delete(oldest);
    return made;
  }

  async #compile(variant: WgslVariant): Promise<Pipeline> {
    this.#gpu.pushErrorScope('validation');
    const module = this.#gpu.createShaderModule({ label: variant.entry, code: variant.text });
    const layout = this.#gpu.createBindGroupLayout({ label: variant.entry, entries: layoutOf(variant) });
    const refused = patiently(() => this.#gpu.popErrorScope());
    const messages = (await patiently(() => module.getCompilationInfo())).messages.filter((m) => m.type === 'error');
    const text = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join('\n');
    if (text !== '') throw new Bug(`WGSL of ${variant.entry} does not compile\n${text}`, variant.text);
    const error = await refused;
    if (error) throw new Bug(`WGSL of ${variant.entry} is refused\n${error.message}`, variant.text);
    return { layout, pipeline: await this.#create(variant, module, layout) };
  }

  async #create(
    variant: WgslVariant,
    module: GPUShaderModule,
    layout: GPUBindGroupLayout,
  ): Promise<GPUComputePipeline> {
    try {
      return await patiently(() =>
        this.#gpu.createComputePipelineAsync({
          label: variant.entry,
          layout: this.#gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: variant.entry },
        }),
      );
    } catch (e) {
      if ((e as { reason?: unknown }).reason === 'validation')
        throw new Bug(`pipeline of ${variant.entry} is refused\n${messageOf(e)}`, variant.text);
      throw runtimeError('LAC0709', `${variant.entry}: ${messageOf(e)}`, 'try another configuration (--config)');
    }
  }
}

function layoutOf(variant: WgslVariant): GPUBindGroupLayoutEntry[] {
  const storage = variant.bindings.map((b) => ({
    binding: b.index,
    visibility: STAGE_COMPUTE,
    buffer: { type: b.access === 'read' ? ('read-only-storage' as const) : ('storage' as const) },
  }));
  const params = { binding: variant.paramsBinding, visibility: STAGE_COMPUTE, buffer: { type: 'uniform' as const } };
  return [...storage, params];
}

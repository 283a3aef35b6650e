import { runtimeError } from '../errors.js';
import { CudaDevice } from './device.js';
import { cudaError, isFatal } from './failures.js';
import { faultForgiven, lostContextsGone, processEnded } from './faults.js';
import { type NativeDevice, openDriver } from './native.js';

/** GPUs by ordinal. Throws LAC0702 where there is no CUDA here. */
export function listCudaDevices(): readonly NativeDevice[] {
  const { devices } = openDriver();
  if (devices.length === 0)
    throw runtimeError(
      'LAC0702',
      'the CUDA driver finds no GPU',
      'CUDA_VISIBLE_DEVICES may hide them; nvidia-smi lists them',
    );
  return devices;
}

/**
 * A context on GPU `ordinal`. Contexts do not share tensors: a program should open one device a GPU. Throws LAC0702, LAC0701
 * for an ordinal that does not exist, LAC0706 where the GPU has no memory left for a context, LAC0713 where an earlier
 * fault has ended CUDA for this process.
 */
export async function openCuda(ordinal: number): Promise<CudaDevice> {
  const properties = listCudaDevices()[ordinal];
  if (properties === undefined)
    throw runtimeError('LAC0701', `there is no GPU ${ordinal}`, 'lac devices lists them; the first is cuda:0');
  const driver = openDriver();
  await lostContextsGone();
  try {
    const native = await driver.createContext(ordinal);
    faultForgiven();
    return new CudaDevice(driver, ordinal, properties, native);
  } catch (e) {
    throw isFatal(e) ? processEnded(e, properties.name) : cudaError(e, `open ${properties.name}`);
  }
}

import { describe, expect, it, vi } from 'vitest';
import { type Launchable, launchFirst } from '../../attention/variants.js';
import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Device } from '../../runtime/index.js';

const refusing = (code: 'LAC0501' | 'LAC0602'): Launchable =>
  vi.fn(async () => {
    throw new LacError([diagnostic(code, 'no')]);
  });
const running = (): Launchable => vi.fn(async () => undefined);

describe('the first that a device has room for', () => {
  const device = (): Device => ({}) as Device;

  it('is launched alone', async () => {
    const [first, second] = [running(), running()];
    await launchFirst(device(), [first, second], {}, 'a');
    expect(first).toHaveBeenCalledOnce();
    expect(second).not.toHaveBeenCalled();
  });

  it('is remembered for its sizes and its device', async () => {
    const on = device();
    const [first, second] = [refusing('LAC0501'), running()];
    for (const sizes of ['a', 'a', 'b']) await launchFirst(on, [first, second], {}, sizes);
    expect(first).toHaveBeenCalledTimes(2);
    expect(second).toHaveBeenCalledTimes(3);
    await launchFirst(device(), [first, second], {}, 'a');
    expect(first).toHaveBeenCalledTimes(3);
  });

  it('says why the last one does not fit either', async () => {
    const refused = launchFirst(device(), [refusing('LAC0501'), refusing('LAC0501')], {}, 'a');
    await expect(refused).rejects.toThrow(/^LAC0501/);
  });

  it('stands for no other mistake', async () => {
    const second = running();
    await expect(launchFirst(device(), [refusing('LAC0602'), second], {}, 'a')).rejects.toThrow(/^LAC0602/);
    expect(second).not.toHaveBeenCalled();
  });
});

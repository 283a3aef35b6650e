import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileRuntime, removeRuntime, runChild } from './child.js';

const folder = mkdtempSync(path.join(os.tmpdir(), 'lac-test-'));
const cache = path.join(folder, 'cache');
beforeAll(compileRuntime);
afterAll(() => {
  removeRuntime();
  rmSync(folder, { recursive: true, force: true });
});

const ADD_ONCE = `
  const d = await lac.openDevice('webgpu:software');
  const [x, z] = [d.empty('f32', [100]).fill(2), d.empty('f32', [100]).poison()];
  await d.launch(lac.bindLaunch(d, variants.ADD, variants.addVariant('f32'), { x, y: x, z, scale: 3 }));
  const sum = (await z.read()).reduce((a, b) => a + b);
`;

describe('the end of the process', () => {
  /** Whether it came within a second; a busy machine is slow before and after alike. */
  const SAY_WHEN = `const at = performance.now();
    process.on('exit', () => console.log(sum, performance.now() - at < Math.max(1000, 2 * (at - begin))));`;

  test('comes within a second of destroy, with nothing on stdout or stderr but what the program says', () => {
    const run = runChild(`${ADD_ONCE} d.destroy(); ${SAY_WHEN}`, { LAC_CACHE: cache });
    expect(run).toMatchObject({ code: 0, stdout: '800 true\n', stderr: '' });
  });

  test('comes without destroy too', () => {
    const run = runChild(`${ADD_ONCE} ${SAY_WHEN}`, { LAC_CACHE: cache });
    expect(run).toMatchObject({ code: 0, stdout: '800 true\n', stderr: '' });
  });

  test('comes while work is queued', () => {
    const run = runChild(
      `${ADD_ONCE} for (let i = 0; i < 50; i++) void d.launch(lac.bindLaunch(d, variants.ADD, variants.addVariant('f32'), { x, y: x, z, scale: 3 }));
       void z.read().catch((e) => console.log(e.message)); d.destroy();`,
      { LAC_CACHE: cache },
    );
    expect(run.code).not.toBeNull();
  });
});

test('3000 tensors made, written, launched on and freed do not grow the process', () => {
  const run = runChild(
    `const d = await lac.openDevice('webgpu:software');
     const data = new Float32Array(2 ** 18).fill(1);
     const round = async (i) => {
       const t = d.empty('f32', [2 ** 18]).write(data);
       if (i % 100 === 0) await t.view([16]).read();
       t.free();
     };
     for (let i = 0; i < 200; i++) await round(i);
     const before = process.memoryUsage().rss;
     for (let i = 0; i < 3000; i++) await round(i);
     console.log(Math.round((process.memoryUsage().rss - before) / 2 ** 20));
     d.destroy();`,
    { LAC_CACHE: cache },
  );
  expect(run.stderr).toBe('');
  expect(Number(run.stdout)).toBeLessThan(64);
});

describe('the folder of the software driver', () => {
  const OPEN = `try { const d = await lac.openDevice('webgpu:software'); console.log(d.info.kind); } catch (e) { console.log(e.name, e.message); }`;
  const unusable = path.join(folder, 'a-file');
  writeFileSync(unusable, '');

  test('a cache that cannot be written to: temporary files serve', () => {
    const temporary = mkdtempSync(path.join(folder, 'tmp-'));
    const run = runChild(OPEN, { LAC_CACHE: path.join(unusable, 'x'), TMPDIR: temporary });
    expect(run).toMatchObject({ code: 0, stdout: 'software\n' });
    expect(readdirSync(temporary)).toEqual([expect.stringMatching(/^lac-/)]);
  });

  test('no folder at all: the error names each, and the way out', () => {
    const run = runChild(OPEN, { LAC_CACHE: path.join(unusable, 'x'), TMPDIR: path.join(unusable, 'y') });
    expect(run.code).toBe(0);
    expect(run.stdout).toMatch(/^LacError LAC0704: no folder can hold the software driver: .*a-file.x: ENOTDIR/);
    expect(run.stdout).toContain('help: set LAC_CACHE to a folder that can be written to, with 7 MB free');
  });

  test('a full disk leaves nothing half-written', () => {
    const [full, temporary] = [mkdtempSync(path.join(folder, 'full-')), mkdtempSync(path.join(folder, 'tmp-'))];
    const run = runChild(OPEN, { LAC_CACHE: full, TMPDIR: temporary }, 'ulimit -f 4096;');
    expect(run.stdout).toMatch(/^LacError LAC0704[\s\S]*EFBIG/);
    expect(readdirSync(full)).toEqual([]);
  });

  test('a library cut short is replaced', () => {
    const damaged = mkdtempSync(path.join(folder, 'damaged-'));
    expect(runChild(OPEN, { LAC_CACHE: damaged }).stdout).toBe('software\n');
    const [driver] = readdirSync(damaged);
    truncateSync(path.join(damaged, driver ?? '', 'libvk_swiftshader.so'), 1000);
    expect(runChild(OPEN, { LAC_CACHE: damaged }).stdout).toBe('software\n');
    expect(readdirSync(damaged)).toEqual([driver]);
  });

  test('a folder that others may write to is not trusted', () => {
    const open = mkdtempSync(path.join(folder, 'open-'));
    const run = runChild(OPEN, { LAC_CACHE: open, TMPDIR: path.join(unusable, 'y') }, `chmod 777 ${open};`);
    expect(run.stdout).toContain('is writable by others');
  });
});

describe('drivers that the user names', () => {
  const OPEN = `try { const d = await lac.openDevice('webgpu'); console.log(d.info.kind); } catch (e) { console.log(e.message); }`;

  test('LAC_ICD that does not exist', () => {
    const run = runChild(OPEN, { LAC_CACHE: cache, LAC_ICD: path.join(folder, 'none.json') });
    expect(run.stdout).toMatch(/^LAC0710: LAC_ICD=.*none\.json: ENOENT[\s\S]*help: correct LAC_ICD, or unset it/);
  });

  test('VK_DRIVER_FILES whose library does not exist', () => {
    const icd = path.join(folder, 'gone.json');
    writeFileSync(icd, JSON.stringify({ ICD: { library_path: './gone.so', api_version: '1.3.0' } }));
    const run = runChild(OPEN, { LAC_CACHE: cache, VK_DRIVER_FILES: icd });
    expect(run.stdout).toMatch(/^LAC0710: VK_DRIVER_FILES=.*gone\.json names a library that does not load: .*gone\.so/);
  });

  test('a manifest that names our own driver works', () => {
    runChild(OPEN, { LAC_CACHE: cache });
    const [driver] = readdirSync(cache);
    const icd = path.join(cache, driver ?? '', 'icd.json');
    expect(existsSync(icd)).toBe(true);
    expect(runChild(OPEN, { LAC_CACHE: cache, LAC_ICD: icd })).toMatchObject({ stdout: 'software\n', stderr: '' });
  });
});

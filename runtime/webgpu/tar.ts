import { runtimeError } from '../errors.js';

const BLOCK = 512;

const textOf = (header: Uint8Array, at: number, length: number): string =>
  Buffer.from(header.subarray(at, at + length))
    .toString('latin1')
    .replace(/\0.*$/s, '');

/** Regular files of a ustar archive, by name. Throws LAC0704 for an archive that ends early. */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK);
    const name = textOf(header, 0, 100);
    if (name === '') break;
    const size = Number.parseInt(textOf(header, 124, 12), 8);
    const begin = at + BLOCK;
    if (!(size >= 0) || begin + size > archive.length)
      throw runtimeError('LAC0704', `the driver archive is damaged at ${name}`, 'run npm ci to install it anew');
    if (header[156] === 0x30 || header[156] === 0) files.set(name, archive.subarray(begin, begin + size));
    at = begin + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const candidates = ['ptxas', ...(process.env.CUDA_HOME === undefined ? [] : [`${process.env.CUDA_HOME}/bin/ptxas`])];

/** The assembler on this machine, or null: CUDA's tools need not be installed to develop lac. */
export const PTXAS: string | null = candidates.find((c) => spawnSync(c, ['--version']).status === 0) ?? null;

/** What to say of tests that need it. */
export const WITH_PTXAS = PTXAS === null ? 'skipped: ptxas is neither on PATH nor in $CUDA_HOME/bin' : 'with ptxas';

export interface Assembly {
  readonly ok: boolean;
  /** What ptxas printed. */
  readonly log: string;
  /** Lines of the text, from 1, that it complains about. */
  readonly badLines: readonly number[];
}

/** Assembles a module for its target, `sm_90` or the like. */
export function assemble(text: string, arch: string): Assembly {
  if (PTXAS === null) throw new Error(WITH_PTXAS);
  const folder = mkdtempSync(join(tmpdir(), 'lac-ptxas-'));
  try {
    const file = join(folder, 'kernel.ptx');
    writeFileSync(file, text);
    const { status, stdout, stderr } = spawnSync(PTXAS, [
      `-arch=${arch}`,
      '-v',
      file,
      '-o',
      join(folder, 'kernel.cubin'),
    ]);
    const log = `${stdout}${stderr}`;
    return { ok: status === 0, log, badLines: [...log.matchAll(/, line (\d+); error/g)].map((m) => Number(m[1])) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

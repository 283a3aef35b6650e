/**
 * Which workgroup array a buffer lies in: chunks of four f32 (16 bytes), chunks of four packed 16-bit floats (8 bytes), or
 * 32-bit words of any dtype (bits).
 */
export type MemoryKind = 'vec4' | 'half4' | 'word';

/** Name, element type and bytes of the workgroup arrays. */
export const MEMORIES: Readonly<
  Record<MemoryKind, { readonly name: string; readonly type: string; readonly bytes: number }>
> = {
  vec4: { name: 'mem4', type: 'vec4<f32>', bytes: 16 },
  half4: { name: 'mem2', type: 'vec2<u32>', bytes: 8 },
  word: { name: 'mem1', type: 'u32', bytes: 4 },
};

/**
 * A piece of workgroup memory with a lifetime, sizes and offsets in elements of its array; or an argument whose accesses
 * keep their order (`storage`).
 */
export interface Buffer {
  readonly id: number;
  readonly memory: MemoryKind | 'storage';
  readonly size: number;
}

/** Text that stands for the offset of a buffer until memory is planned. */
export const offsetMark = (b: Buffer): string => `$${b.id}$`;

export interface TextStatement {
  readonly kind: 'text';
  readonly text: string;
  readonly reads: readonly Buffer[];
  readonly writes: readonly Buffer[];
}

/** The program as structured statements: what barrier placement and memory planning look at. */
export type Statement =
  | TextStatement
  | LoopStatement
  | { readonly kind: 'branch'; readonly head: string; readonly yes: Statement[]; readonly no: Statement[] };

/** `test` runs before each trip, the last time without one: it ends with the way out, where there is any. */
export interface LoopStatement {
  readonly kind: 'loop';
  readonly head: string;
  readonly test: Statement[];
  readonly body: Statement[];
}

export const text = (line: string, reads: readonly Buffer[] = [], writes: readonly Buffer[] = []): TextStatement => ({
  kind: 'text',
  text: line,
  reads,
  writes,
});

export const BARRIER = text('workgroupBarrier();');
export const STORAGE_BARRIER = text('storageBarrier();');

/** WGSL lines of a statement list; `offsets` resolves the marks of buffers. */
export function print(list: readonly Statement[], offsets: ReadonlyMap<number, number>, indent = '  '): string[] {
  const resolve = (s: string): string => s.replace(/\$(\d+)\$/g, (_, id: string) => `${offsets.get(Number(id)) ?? 0}`);
  return list.flatMap((s) => {
    if (s.kind === 'text')
      return resolve(s.text)
        .split('\n')
        .map((line) => indent + line);
    const inner = `${indent}  `;
    if (s.kind === 'loop')
      return [`${indent}${resolve(s.head)} {`, ...print([...s.test, ...s.body], offsets, inner), `${indent}}`];
    const end =
      s.no.length === 0 ? [`${indent}}`] : [`${indent}} else {`, ...print(s.no, offsets, inner), `${indent}}`];
    return [`${indent}if (${resolve(s.head)}) {`, ...print(s.yes, offsets, inner), ...end];
  });
}

/** Seeded random numbers: the same on every machine and every version of Node. */
export interface RandomStream {
  /** Uniform in [0, 1), 32 bits of it. */
  uniform(): number;
  /** Standard normal. */
  normal(): number;
}

/** Spreads a seed over 32 bits (the finaliser of MurmurHash3), so that neighbouring seeds give unrelated streams. */
function mix(x: number): number {
  let h = x >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** xoshiro128** (Blackman and Vigna 2018). `stream` names what is generated: one argument's values do not shift another's. */
export function randomStream(seed: number, stream = ''): RandomStream {
  const high = mix(Math.floor(seed / 2 ** 32) ^ hashText(stream));
  let [a, b, c, d] = [mix(seed), mix(seed ^ 0x9e3779b9) | 1, high, mix(high ^ seed)];
  const next = (): number => {
    const s = Math.imul(b, 5);
    const result = Math.imul((s << 7) | (s >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  for (let i = 0; i < 8; i++) next();
  const uniform = (): number => next() / 2 ** 32;
  return { uniform, normal: boxMuller(uniform) };
}

/** Two normals from two uniforms (Box and Muller 1958); 1 - u keeps the logarithm off 0. */
function boxMuller(uniform: () => number): () => number {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

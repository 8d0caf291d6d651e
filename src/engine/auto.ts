import type { Engine } from './engine.js';

/**
 * Below this many bytes the WASM engine's cheaper call beats the platform's faster arithmetic.
 * Measured on Node 20 with SHA instructions in the CPU; see `bench/results/engines.json`.
 */
export const NATIVE_FROM_BYTES = 64;

/**
 * The fastest of what is there, call by call: `small` for short content and wherever a midstate
 * may be asked for, `large` for the rest.
 */
export function createAutoEngine(small: Engine, large: Engine): Engine {
  const by = (byteCount: number) => (byteCount < NATIVE_FROM_BYTES ? small : large);
  return {
    name: large.name,
    simd: large.simd,
    sha256: (bytes, start, end) => by(end - start).sha256(bytes, start, end),
    sha256Hex: (bytes, start, end) => by(end - start).sha256Hex(bytes, start, end),
    sha256HexOfText: (text) => by(text.length).sha256HexOfText(text),
    sha1: (bytes) => by(bytes.length).sha1(bytes),
    uuidv5: (namespace, content) => by(content.length).uuidv5(namespace, content),
    createSha256: () => small.createSha256(),
    restoreSha256: (saved) => small.restoreSha256(saved),
  };
}

import type { Engine } from './engine.js';

/**
 * From here on the platform's faster arithmetic beats the WASM engine's cheaper call. 55 bytes are
 * the most that fit into one block with their padding. Measured on Node 20 with SHA instructions in
 * the CPU: 50 bytes 0.98 ×, 64 bytes 1.45 × the time of `crypto.hash`.
 */
const SHA256_NATIVE_FROM_BYTES = 56;
/** SHA-1 has no one-shot call that was as cheap: 40 bytes take 8 times as long natively. */
const SHA1_NATIVE_FROM_BYTES = 1024;

/**
 * The fastest of what is there, call by call: `small` for short content and wherever a midstate
 * may be asked for, `large` for the rest.
 */
export function createAutoEngine(small: Engine, large: Engine): Engine {
  const by = (byteCount: number) => (byteCount < SHA256_NATIVE_FROM_BYTES ? small : large);
  const sha1By = (byteCount: number) => (byteCount < SHA1_NATIVE_FROM_BYTES ? small : large);
  return {
    name: large.name,
    simd: large.simd,
    sha256: (bytes, start, end) => by(end - start).sha256(bytes, start, end),
    sha256Hex: (bytes, start, end) => by(end - start).sha256Hex(bytes, start, end),
    sha256HexOfText: (text) => by(text.length).sha256HexOfText(text),
    sha1: (bytes) => sha1By(bytes.length).sha1(bytes),
    uuidv5: (namespace, content) => sha1By(content.length).uuidv5(namespace, content),
    createSha256: () => small.createSha256(),
    restoreSha256: (saved) => small.restoreSha256(saved),
  };
}

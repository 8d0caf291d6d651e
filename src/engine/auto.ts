import type { Engine } from './engine.js';

/**
 * From here on the platform's faster arithmetic beats the WASM engine's cheaper call. 55 bytes are
 * the most that fit into one block with their padding. Measured on Node 20 with SHA instructions in
 * the CPU: 50 bytes 0.98 ×, 64 bytes 1.45 × the time of `crypto.hash`.
 */
const SHA256_NATIVE_FROM_BYTES = 56;
/** A UUID is more than its SHA-1: of 40 bytes it takes a quarter, of 512 bytes 0.6 × the native time. */
const SHA1_NATIVE_FROM_BYTES = 1024;

/** The same for messages digested four abreast: 247 bytes, which are four blocks, 1.15 ×, 300 bytes 0.95 ×. */
const LANES_NATIVE_FROM_BYTES = 256;

/**
 * Loading `node:crypto` took 3.5 to 6 ms where WASM digested 150 to 250 bytes a microsecond: a
 * process that makes a few keys and ends never pays for it.
 */
const NATIVE_PAYS_FROM_BYTES = 0x40000;
/** What one call costs beside its bytes, in bytes. */
const CALL_BYTES = 64;

/**
 * The fastest of what is there, call by call: `small` for short content and wherever a midstate
 * may be asked for, the platform's for the rest, once it pays to load it.
 */
export function createAutoEngine(small: Engine, loadLarge: () => Engine): Engine {
  let large: Engine | undefined;
  let digestedBytes = 0;
  const by = (byteCount: number, nativeFromBytes: number) => {
    if (byteCount < nativeFromBytes) return small;
    if (large === undefined) {
      digestedBytes += byteCount + CALL_BYTES;
      if (digestedBytes < NATIVE_PAYS_FROM_BYTES) return small;
      large = loadLarge();
    }
    return large;
  };
  return {
    name: small.name,
    simd: small.simd,
    sha256: (bytes, start, end) =>
      by(end - start, SHA256_NATIVE_FROM_BYTES).sha256(bytes, start, end),
    sha256Hex: (bytes, start, end, prefix) =>
      by(end - start, SHA256_NATIVE_FROM_BYTES).sha256Hex(bytes, start, end, prefix),
    sha256HexOfText: (text, prefix) =>
      by(text.length, SHA256_NATIVE_FROM_BYTES).sha256HexOfText(text, prefix),
    sha1: (bytes) => by(bytes.length, SHA1_NATIVE_FROM_BYTES).sha1(bytes),
    uuidv5: (namespace, content) =>
      by(content.length, SHA1_NATIVE_FROM_BYTES).uuidv5(namespace, content),
    lanesFor: (byteCount) =>
      by(byteCount, LANES_NATIVE_FROM_BYTES) === small ? small.lanesFor?.(byteCount) : undefined,
    createSha256: () => small.createSha256(),
    restoreSha256: (saved) => small.restoreSha256(saved),
  };
}

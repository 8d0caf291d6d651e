import type { Engine } from './engine.js';

/**
 * From this size on, the faster arithmetic of the platform beats the cheaper call of the WASM
 * engine. 55 bytes are the most that fit into one block with their padding. Measured on Node 20
 * with SHA instructions in the CPU: 50 bytes take 0.98 ×, 64 bytes 1.45 × the time of
 * `crypto.hash`.
 */
const SHA256_NATIVE_FROM_BYTES = 56;
/** A UUID needs more than its SHA-1: 40 bytes take a quarter, 512 bytes 0.6 × the native time. */
const SHA1_NATIVE_FROM_BYTES = 1024;

/** For messages digested four at a time: 247 bytes (four blocks) take 1.15 ×, 300 bytes 0.95 ×. */
const LANES_NATIVE_FROM_BYTES = 256;

/**
 * Loading `node:crypto` takes 3.5 to 6 ms, in which WASM digests 150 to 250 bytes per microsecond.
 * So a short process that makes a few keys never loads it.
 */
const NATIVE_PAYS_FROM_BYTES = 0x40000;
/** Fixed cost of one call, expressed in bytes. */
const CALL_BYTES = 64;

/**
 * Creates an engine that picks the fastest one for each call: `small` for short content and for all
 * hashers that can save their state, and the platform's for the rest, once loading it pays off.
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
  const { lanes } = small;
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
    ...(lanes !== undefined && {
      lanes: {
        areFastest: (byteCount) => by(byteCount, LANES_NATIVE_FROM_BYTES) === small,
        open: lanes.open,
      },
    }),
    createSha256: () => small.createSha256(),
    restoreSha256: (saved) => small.restoreSha256(saved),
  };
}

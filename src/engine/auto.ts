import type { Engine } from './engine.js';

/**
 * From this size on, the faster arithmetic of the platform beats the cheaper call of the WASM
 * engine, until both are timed. 55 bytes are the most that fit into one block with their padding.
 */
const SHA256_NATIVE_FROM_BYTES = 56;
/**
 * `node:crypto` is timed at these blocks per message. What it takes, in multiples of the WASM
 * engine's time, depends on the processor and the runtime:
 *
 *     |                             | 1 block | 2    | 3    |
 *     | Intel, Node 20              | 1.02    | 0.76 | 0.65 |
 *     | the same, Node 26           | 1.1     | 0.84 | 0.63 |
 *     | without SHA instructions    | 1.43    | 1.25 | 1.18 |
 *     | Bun 1.4                     | 0.68    | 0.55 | 0.45 |
 *     | Deno 2.9                    | 2.2     | 1.55 | 1.18 |
 */
const TIMED_BLOCKS = [1, 2, 4];
/** From this size on it is not timed: without SHA instructions and in Deno they are about equal. */
const TIMED_BELOW_BYTES = 256;
/**
 * Before that, the two engines take turns for this many short contents: compiled for the first
 * time, `node:crypto` takes 2 to 4 × as long as later.
 */
const WARM_UP_CALLS = 4096;
const TIMED_ROUNDS = 8;
const TIMED_CALLS = 8;

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
/** For content in one block `node:crypto` gains the time of loading it in 30,000 calls at best. */
const SHORT_CALL_BYTES = 8;

/** Returns the length from which `large` is faster than `small`. */
function timedNativeFrom(small: Engine, large: Engine): number {
  const { performance } = globalThis as { performance?: { now(): number } };
  const timeOf = (engine: Engine, bytes: Uint8Array) => {
    const start = performance?.now() ?? 0;
    for (let i = 0; i < TIMED_CALLS; i++) engine.sha256Hex(bytes, 0, bytes.length, '');
    return (performance?.now() ?? 0) - start;
  };
  let from = 0;
  for (const blocks of TIMED_BLOCKS) {
    // The longest content that fits with its padding.
    const bytes = new Uint8Array(64 * blocks - 9);
    let smallTime = Number.POSITIVE_INFINITY;
    let largeTime = smallTime;
    for (let round = 0; round < TIMED_ROUNDS; round++) {
      smallTime = Math.min(smallTime, timeOf(small, bytes));
      largeTime = Math.min(largeTime, timeOf(large, bytes));
    }
    // A clock that stands still, as in workerd, or that is too coarse.
    if (smallTime <= 0 || largeTime <= 0) return SHA256_NATIVE_FROM_BYTES;
    if (largeTime <= smallTime) return from;
    from = bytes.length + 1;
  }
  return from;
}

/**
 * Creates an engine that picks the fastest one for each call: `small` for short content and for all
 * hashers that can save their state, and the platform's for the rest, once loading it pays off.
 */
export function createAutoEngine(small: Engine, loadLarge: () => Engine): Engine {
  let large = small;
  let isLoaded = false;
  let isTimed = false;
  let digestedBytes = 0;
  let warmUpCalls = 0;
  let sha256NativeFrom = SHA256_NATIVE_FROM_BYTES;

  const loadAfter = (byteCount: number) => {
    digestedBytes += byteCount;
    if (digestedBytes < NATIVE_PAYS_FROM_BYTES) return;
    large = loadLarge();
    isLoaded = true;
    isTimed = large === small;
  };
  const by = (byteCount: number, nativeFrom: number) => {
    if (byteCount < nativeFrom) return small;
    if (!isLoaded) loadAfter(byteCount + CALL_BYTES);
    return large;
  };
  const warmUp = () => {
    warmUpCalls++;
    if (warmUpCalls === WARM_UP_CALLS) {
      sha256NativeFrom = timedNativeFrom(small, large);
      isTimed = true;
    }
    return warmUpCalls % 2 === 0 ? small : large;
  };
  const forSha256 = (byteCount: number) => {
    if (!isTimed) {
      if (isLoaded && byteCount < TIMED_BELOW_BYTES) return warmUp();
      const isShort = byteCount < SHA256_NATIVE_FROM_BYTES;
      if (!isLoaded) loadAfter(isShort ? SHORT_CALL_BYTES : byteCount + CALL_BYTES);
    }
    return byteCount < sha256NativeFrom ? small : large;
  };
  const { lanes } = small;
  return {
    name: small.name,
    simd: small.simd,
    sha256: (bytes, start, end) => forSha256(end - start).sha256(bytes, start, end),
    sha256Hex: (bytes, start, end, prefix) =>
      forSha256(end - start).sha256Hex(bytes, start, end, prefix),
    sha256HexOfText: (text, prefix) => forSha256(text.length).sha256HexOfText(text, prefix),
    sha1: (bytes) => by(bytes.length, SHA1_NATIVE_FROM_BYTES).sha1(bytes),
    uuidv5: (namespace, content) =>
      by(content.length, SHA1_NATIVE_FROM_BYTES).uuidv5(namespace, content),
    lanes: lanes && {
      areFastest: (byteCount) => by(byteCount, LANES_NATIVE_FROM_BYTES) === small,
      open: lanes.open,
    },
    createSha256: () => small.createSha256(),
    restoreSha256: (saved) => small.restoreSha256(saved),
  };
}

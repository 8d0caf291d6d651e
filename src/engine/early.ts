import type { Engine } from './engine.js';

/**
 * Enough for one key of three blocks, or for three digests of one block. In a new process the first
 * key takes 1.5 to 2 ms less without the module, which has to be compiled. A process that makes more
 * keys takes 1.2 ms more in all: it compiles the module as well, and V8 compiles the function of the
 * js engine a second time after three blocks.
 */
const EARLY_BYTES = 376;
/** Fixed cost of one call, expressed in bytes. A key of a value is two: writing and digesting. */
const CALL_BYTES = 96;

/** Returns a function that counts a call, and whether the calls so far are few and short. */
export function countEarly(): (byteCount: number) => boolean {
  let rest = EARLY_BYTES;
  return (byteCount) => {
    rest -= byteCount + CALL_BYTES;
    return rest >= 0;
  };
}

/**
 * Creates an engine for the first calls of a process: `first` for those that `isEarly` counts, and
 * what `load` returns for the others, for batches and for hashers, which may become long.
 */
export function createEarlyEngine(
  first: Engine,
  isEarly: (byteCount: number) => boolean,
  load: () => Engine,
): Engine {
  const by = (byteCount: number) => (isEarly(byteCount) ? first : load());
  return {
    name: first.name,
    simd: first.simd,
    sha256: (bytes, start, end) => by(end - start).sha256(bytes, start, end),
    sha256Hex: (bytes, start, end, prefix) => by(end - start).sha256Hex(bytes, start, end, prefix),
    sha256HexOfText: (text, prefix) => by(text.length).sha256HexOfText(text, prefix),
    sha1: (bytes) => by(bytes.length).sha1(bytes),
    uuidv5: (namespace, content) => by(content.length).uuidv5(namespace, content),
    get lanes() {
      return load().lanes;
    },
    createSha256: () => load().createSha256(),
    restoreSha256: (saved) => load().restoreSha256(saved),
  };
}

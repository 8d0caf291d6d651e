import { fail } from '../errors/errors.js';
import { builtinModule } from './builtin-module.js';
import type { Engine, Sha256State } from './engine.js';
import { fromHex, toHex, uuidv5By } from './hex.js';
import { jsEngine } from './js/engine.js';
import { encoder } from './utf8.js';

/**
 * The members of `node:crypto` that are used. `hash` is missing before Node 20.12 and in some
 * runtimes.
 */
interface NativeHash {
  update(content: Uint8Array): NativeHash;
  copy(): NativeHash;
  digest(): Uint8Array;
  digest(encoding: 'hex'): string;
}
interface OneShot {
  (algorithm: string, content: string | Uint8Array, encoding: 'hex'): string;
  (algorithm: string, content: Uint8Array, encoding: 'buffer'): Uint8Array;
}
interface NativeCrypto {
  createHash(algorithm: string): NativeHash;
  hash?: OneShot;
}

/** OpenSSL counts in 32 bits: one call takes less than 2 GiB. */
const MAX_PIECE_BYTES = 2 ** 30;

/** Converts the `Buffer` that `node:crypto` returns to a plain `Uint8Array`. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
}

function feed(hash: NativeHash, bytes: Uint8Array): NativeHash {
  for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) {
    hash.update(bytes.length <= MAX_PIECE_BYTES ? bytes : bytes.subarray(at, at + MAX_PIECE_BYTES));
  }
  return hash;
}

/**
 * Views of short prefixes of the buffer for canonical JSON, by length. Making a new view for each
 * call took 11 % of the time to digest 190 bytes.
 */
const views: Uint8Array[] = [];
let viewed: Uint8Array | undefined;
let viewedFrom = 0;
const LONGEST_VIEW_BYTES = 512;
/** Larger memory is released after use, so no view may hold it. */
const LARGEST_VIEWED_BYTES = 1 << 22;

function part(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const byteCount = end - start;
  if (byteCount === bytes.length) return bytes;
  if (byteCount > LONGEST_VIEW_BYTES || bytes.length > LARGEST_VIEWED_BYTES) {
    return bytes.subarray(start, end);
  }
  if (bytes !== viewed || start !== viewedFrom) {
    views.length = 0;
    viewed = bytes;
    viewedFrom = start;
  }
  let view = views[byteCount];
  if (view === undefined) {
    view = bytes.subarray(start, end);
    views[byteCount] = view;
  }
  return view;
}

class NativeSha256 implements Sha256State {
  readonly #hash: NativeHash;
  constructor(hash: NativeHash) {
    this.#hash = hash;
  }
  update(bytes: Uint8Array): void {
    feed(this.#hash, bytes);
  }
  digest(): Uint8Array<ArrayBuffer> {
    return plain(this.#hash.copy().digest());
  }
  clone(): NativeSha256 {
    return new NativeSha256(this.#hash.copy());
  }
  save(): never {
    return noMidstate('save the state of a native hasher');
  }
}

function noMidstate(action: string): never {
  return fail(
    TypeError,
    'SAMEKEY_NO_MIDSTATE',
    `Cannot ${action}: node:crypto cannot save its state, wanted the engine "wasm", "js" or "auto"`,
  );
}

/** The UTF-8 of U+00E9. */
const SAMPLE = /* @__PURE__ */ Uint8Array.of(0xc3, 0xa9);

/** Whether `hash` gives the same digest as bytes and as digits. A broken one is not used at all. */
function isConsistent(hash: OneShot): boolean {
  return toHex(hash('sha256', SAMPLE, 'buffer')) === hash('sha256', SAMPLE, 'hex');
}

/** Returns one result from each function of `node:crypto` that is used. */
function answers(engine: Engine): string {
  const state = engine.createSha256();
  state.update(SAMPLE);
  return [
    engine.sha256HexOfText('\u00e9', ''),
    engine.sha256(SAMPLE, 0, 2),
    state.digest(),
    engine.sha1(SAMPLE),
  ].join();
}

/** Returns an engine on the synchronous `node:crypto`, or `undefined` if the platform has none. */
export function loadNativeEngine(): Engine | undefined {
  const crypto = builtinModule<NativeCrypto>('node:crypto');
  if (typeof crypto?.createHash !== 'function') return undefined;
  const { createHash, hash: oneShot } = crypto;

  const hexOf = (algorithm: string, content: Uint8Array) =>
    oneShot !== undefined && content.length <= MAX_PIECE_BYTES
      ? oneShot(algorithm, content, 'hex')
      : feed(createHash(algorithm), content).digest('hex');
  // Reading 64 digits takes 0.1 µs, the `Buffer` that `hash` would return 0.4 µs.
  const digest = (algorithm: string, content: Uint8Array) => fromHex(hexOf(algorithm, content));

  const sha1 = (bytes: Uint8Array) => digest('sha1', bytes);

  const engine: Engine = {
    name: 'native',
    simd: false,
    sha256: (bytes, start, end) => digest('sha256', part(bytes, start, end)),
    sha256Hex: (bytes, start, end, prefix) => prefix + hexOf('sha256', part(bytes, start, end)),
    sha256HexOfText: (text, prefix) =>
      prefix +
      (oneShot !== undefined
        ? oneShot('sha256', text, 'hex')
        : hexOf('sha256', encoder.encode(text))),
    sha1,
    uuidv5: (namespace, content) => uuidv5By(sha1, namespace, content),
    lanes: undefined,
    createSha256: () => new NativeSha256(createHash('sha256')),
    restoreSha256: () => noMidstate('restore a saved state into a native hasher'),
  };
  // Rejects a stub, or a provider that refuses SHA-1.
  if (oneShot !== undefined && !isConsistent(oneShot)) return undefined;
  return answers(engine) === answers(jsEngine) ? engine : undefined;
}

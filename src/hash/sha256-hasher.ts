import { type Bytes, SAVED_HEADER_BYTES, type Sha256State } from '../engine/engine.js';
import { digestEngine } from '../engine/select.js';
import { fail, nameOf } from '../errors/errors.js';
import { type Content, toBytes } from './content.js';

/** An incremental SHA-256, for content that arrives in pieces. Made by `createSha256`. */
export interface Sha256 {
  /**
   * Feeds bytes, or the UTF-8 bytes of a text, and returns the hasher.
   *
   * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT`, `SAMEKEY_LONE_SURROGATE`, as `sha256`.
   */
  update(content: Content): this;
  /** Returns the digest of all content so far, 32 bytes. More content can follow. */
  digest(): Bytes;
  /** Returns an independent hasher in the same state. */
  clone(): Sha256;
  /**
   * Returns the state as 40 to 103 bytes: h0 … h7 and the length in bytes, big-endian, then the
   * bytes of the unfinished block. Any process, version and engine can `restore` it, except
   * `native`.
   *
   * @throws {TypeError} `SAMEKEY_NO_MIDSTATE` if the hasher was made under `useEngine('native')`.
   */
  save(): Bytes;
  /**
   * Replaces the state by a saved one and returns the hasher.
   *
   * @throws {RangeError} `SAMEKEY_BAD_STATE` if the bytes are not a saved state.
   * @throws {TypeError} `SAMEKEY_NO_MIDSTATE` under `useEngine('native')`, `SAMEKEY_BAD_ARGUMENT`
   * if `saved` is not a Uint8Array.
   */
  restore(saved: Uint8Array): this;
}

class EngineSha256 implements Sha256 {
  #state: Sha256State;

  constructor(state: Sha256State) {
    this.#state = state;
  }

  update(content: Content): this {
    this.#state.update(toBytes(content, 'hash the content'));
    return this;
  }

  digest(): Bytes {
    return this.#state.digest();
  }

  clone(): EngineSha256 {
    return new EngineSha256(this.#state.clone());
  }

  save(): Bytes {
    return this.#state.save();
  }

  restore(saved: Uint8Array): this {
    requireSavedState(saved);
    this.#state = digestEngine().restoreSha256(saved);
    return this;
  }
}

function requireSavedState(saved: unknown): asserts saved is Uint8Array {
  const action = 'Cannot restore the hasher';
  if (!(saved instanceof Uint8Array)) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `${action}: the state is ${nameOf(saved)}, wanted a Uint8Array`,
    );
  }
  if (saved.length < SAVED_HEADER_BYTES) {
    fail(
      RangeError,
      'SAMEKEY_BAD_STATE',
      `${action}: a saved state has at least ${SAVED_HEADER_BYTES} bytes, this one ${saved.length}`,
    );
  }
  const length = new DataView(saved.buffer, saved.byteOffset, saved.length).getBigUint64(32);
  if (length > Number.MAX_SAFE_INTEGER) {
    fail(
      RangeError,
      'SAMEKEY_BAD_STATE',
      `${action}: the saved length of ${length} bytes is beyond 2^53 - 1`,
    );
  }
  const expected = SAVED_HEADER_BYTES + Number(length % 64n);
  if (saved.length !== expected) {
    fail(
      RangeError,
      'SAMEKEY_BAD_STATE',
      `${action}: after ${length} bytes a saved state has ${expected} bytes, this one ${saved.length}`,
    );
  }
}

/**
 * Returns an incremental SHA-256 hasher. Under the engine `auto` it runs in WebAssembly (or
 * TypeScript), because `node:crypto` cannot save its state. To digest one long stream at full
 * speed, use `keyOfStream`.
 *
 * @example
 * const hasher = createSha256().update('a');
 * const state = hasher.save();
 * createSha256().restore(state).update('bc').digest(); // equals sha256('abc')
 */
export function createSha256(): Sha256 {
  return new EngineSha256(digestEngine().createSha256());
}

import type { Engine, Sha256State } from '../engine/engine.js';
import { streamEngine } from '../engine/select.js';
import { fail } from '../errors/errors.js';
import { type Content, toBytes } from './content.js';
import { sha256 } from './digest.js';

const BLOCK_BYTES = 64;

/** A secret prepared for HMAC-SHA-256 (RFC 2104 §2): K ⊕ ipad and K ⊕ opad. */
export interface HmacKey {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

/**
 * Prepares a secret.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if it is neither text nor bytes.
 * @throws {RangeError} `SAMEKEY_BAD_ARGUMENT` if it is empty, because anyone could make the same
 * keys.
 */
export function hmacKey(secret: Content): HmacKey {
  let bytes = toBytes(secret, 'use the secret');
  if (bytes.length === 0) {
    fail(RangeError, 'SAMEKEY_BAD_ARGUMENT', 'Cannot use the secret: it is empty');
  }
  if (bytes.length > BLOCK_BYTES) bytes = sha256(bytes);
  const inner = new Uint8Array(BLOCK_BYTES).fill(0x36);
  const outer = new Uint8Array(BLOCK_BYTES).fill(0x5c);
  bytes.forEach((byte, i) => {
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  });
  return { inner, outer };
}

/** An incremental SHA-256, or HMAC-SHA-256 if it has a key. */
export class Digester {
  readonly #state: Sha256State;
  readonly #key: HmacKey | undefined;

  constructor(state: Sha256State, key: HmacKey | undefined) {
    this.#state = state;
    this.#key = key;
  }

  update(bytes: Uint8Array): void {
    this.#state.update(bytes);
  }

  /** Returns an independent copy in the same state. */
  clone(): Digester {
    return new Digester(this.#state.clone(), this.#key);
  }

  /** Returns the digest of all bytes so far, 32 bytes. */
  finish(): Uint8Array {
    const digest = this.#state.digest();
    if (this.#key === undefined) return digest;
    const outer = new Uint8Array(BLOCK_BYTES + 32);
    outer.set(this.#key.outer);
    outer.set(digest, BLOCK_BYTES);
    return sha256(outer);
  }
}

/** Creates a digester. By default it uses the engine for streams of unknown length. */
export function createDigester(
  key: HmacKey | undefined,
  engine: Engine = streamEngine(),
): Digester {
  const state = engine.createSha256();
  if (key !== undefined) state.update(key.inner);
  return new Digester(state, key);
}

import type { SamekeyError } from '../errors/errors.js';
import { DigestBatch } from '../hash/batch.js';
import { requireList } from '../hash/sha256-batch.js';
import type { CanonicalSink } from '../json/write.js';
import { DigestSink } from './digest-sink.js';
import { type CompiledIdentity, compileIdentity, type IdentityLike } from './identity.js';
import { KEY_PREFIX, type Key, toKeys } from './key.js';
import { writeFrame } from './key-of.js';

/** The keys of frames that come one after the other. Long ones are digested as they come. */
export class KeyBatch implements CanonicalSink<void> {
  readonly #identity: CompiledIdentity;
  readonly #batch: DigestBatch<string>;
  #long: DigestSink | undefined;

  constructor(identity: CompiledIdentity) {
    this.#identity = identity;
    this.#batch = new DigestBatch(KEY_PREFIX, identity.format.hmac);
  }

  chunk(bytes: Uint8Array, start: number, end: number): void {
    this.#long ??= new DigestSink(this.#identity.format.hmac, KEY_PREFIX);
    this.#long.chunk(bytes, start, end);
  }

  /** Ends one frame. */
  last(bytes: Uint8Array, start: number, end: number): void {
    if (this.#long === undefined) this.#batch.add(bytes, start, end, false);
    else this.#batch.done(this.#long.last(bytes, start, end));
    this.#long = undefined;
  }

  finish(): Key[] {
    return toKeys(this.#batch.finish(), this.#identity.format.bits);
  }
}

/**
 * Returns the keys of many JSON values, in their order: equal to `keyOf` of one after the other,
 * and faster for short ones, which are digested four abreast.
 *
 * @throws {TypeError} and {RangeError} as `keyOf`; the message says which value is to blame, `path`
 * where in that value.
 * @example
 * keysOf([{ a: 1, b: 2 }, { b: 2, a: 1 }]).map((key) => key === keyOf({ a: 1, b: 2 })); // [true, true]
 */
export function keysOf(values: readonly unknown[], identity?: IdentityLike): Key[] {
  requireList(values, 'make keys of the values');
  const compiled = compileIdentity(identity);
  const keys = new KeyBatch(compiled);
  for (let i = 0; i < values.length; i++) {
    try {
      writeFrame(values[i], compiled, keys);
    } catch (error) {
      throw ofValue(error, i);
    }
  }
  return keys.finish();
}

/** An error of samekey's own, saying which value it is about. */
function ofValue(error: unknown, index: number): unknown {
  const { code, message } = (error ?? {}) as SamekeyError;
  if (!(error instanceof Error) || !String(code).startsWith('SAMEKEY_')) return error;
  const Class = error.constructor as new (message: string) => Error;
  return Object.assign(new Class(message.replace('the value', `value ${index}`)), error);
}

import { decoder, encoder, trustPlatform } from '../engine/utf8.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { own } from '../options/own.js';
import { readOptions } from '../options/read.js';
import { choice, type OptionsOf, required, specs, value } from '../options/spec.js';
import { fillSecretBytes } from '../runtime/runtime.js';
import { type AesGcm, aesGcm, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './aes-gcm.js';
import { type Codec, faultOfCodec, jsonCodec } from './codec.js';
import { faultOfSealed, headerOf, KEY_ID, SEALED_CODEC } from './sealed.js';
import type { StoredResult } from './stored-result.js';

/** A key that encrypts results. */
export interface EncryptionKey {
  /** Names the key in the store: 1 to 32 letters, digits, ".", "_" and "-". */
  readonly id: string;
  /** 32 random bytes, or their base64 text. */
  readonly key: Uint8Array | string;
}

/** Encrypts what `codec` writes. `encode` and `decode` are missing: nothing can write plain bytes in its name. */
export interface EncryptedCodec<Inner extends Codec = Codec> {
  /** Converts results to the bytes that are encrypted. */
  readonly codec: Inner;
  /** Returns the encoded result of a record's key as the store keeps it. */
  seal(key: string, result: StoredResult): StoredResult | Promise<StoredResult>;
  /** Returns what `seal` was given. Throws, or rejects, if it cannot be opened. */
  open(key: string, stored: StoredResult): StoredResult | Promise<StoredResult>;
}

/** The options of `encryptedCodec`. */
export const encryptedCodecOptions = /* @__PURE__ */ specs(() => ({
  /** The keys: the first one encrypts, and all of them decrypt. `id` is stored with each result; `key` is 32 random bytes, as a `Uint8Array` or as base64 text. */
  keys: {
    ...required(
      value<readonly EncryptionKey[]>('a list of { id, key }', (given) =>
        Array.isArray(given) ? undefined : [TypeError],
      ),
    ),
    read: readKeys,
  },
  /**
   * Converts results to the bytes that are encrypted. Responses and tools have codecs of their own.
   * @defaultValue `jsonCodec`
   */
  codec: value<Codec>('{ name, encode, decode }', faultOfCodec, jsonCodec),
  /** What to do with results that are not encrypted: refuse them (`'refuse'`), read them (`'read'`), or read them and write results like them (`'write'`). */
  plain: choice('refuse', 'read', 'write'),
}));

/** The options of `encryptedCodec`. */
export interface EncryptedCodecOptions extends OptionsOf<typeof encryptedCodecOptions> {}

/**
 * Returns a codec that encrypts results and stored errors with AES-256-GCM before they reach the store.
 * It is given to the option `codec` of `createOnce`, `idempotentFetch`, servers and tools.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for keys of the wrong type or size. The message
 * never contains a key.
 * @example
 * const key = crypto.getRandomValues(new Uint8Array(32));
 * const store = memoryStore();
 * const once = createOnce({ store, codec: encryptedCodec({ keys: [{ id: '2026-11', key }] }) });
 * await once('order-7', () => 'shipped'); // 'shipped'
 * (await once.inspect('order-7')).codec; // 'encrypted'
 */
export function encryptedCodec<Inner extends Codec>(
  options: EncryptedCodecOptions & { readonly codec: Inner },
): EncryptedCodec<Inner>;
export function encryptedCodec(options: EncryptedCodecOptions): EncryptedCodec<typeof jsonCodec>;
export function encryptedCodec(options: EncryptedCodecOptions): EncryptedCodec {
  const { keys, codec, plain } = readOptions(
    encryptedCodecOptions,
    options,
    'options of encryptedCodec',
  );
  return new Encryption(keys as never, codec, plain);
}

/** A key, ready to be used. */
interface PreparedKey {
  readonly id: string;
  readonly header: Uint8Array;
  readonly aes: AesGcm;
  readonly associated: Associated;
}

class Encryption implements EncryptedCodec {
  readonly codec: Codec;
  readonly #keys: readonly [PreparedKey, ...PreparedKey[]];
  readonly #plain: 'refuse' | 'read' | 'write';
  /** The encoded name of the codec of the last result: nearly always the same. */
  #name = new Uint8Array();
  #nameText = '';
  readonly #nonce = new Uint8Array(NONCE_BYTES);
  #plaintext = new Uint8Array();

  constructor(
    keys: readonly [PreparedKey, ...PreparedKey[]],
    codec: Codec,
    plain: 'refuse' | 'read' | 'write',
  ) {
    // `encodeInto` exists only after this.
    trustPlatform();
    this.#keys = keys;
    this.codec = codec;
    this.#plain = plain;
  }

  seal(key: string, result: StoredResult): StoredResult | Promise<StoredResult> {
    if (this.#plain === 'write') return result;
    const { state, payload } = result;
    const name = this.#encoded(result.codec);
    const [{ header, aes, associated }] = this.#keys;
    const plaintext = this.#room(1 + name.length + payload.length, aes);
    plaintext[0] = name.length;
    plaintext.set(name, 1);
    plaintext.set(payload, 1 + name.length);
    const nonce = aes.isImmediate ? this.#nonce : new Uint8Array(NONCE_BYTES);
    fillNonce(nonce);
    const offset = header.length + NONCE_BYTES;
    const finish = (sealed: Uint8Array): StoredResult => {
      sealed.set(header);
      sealed.set(nonce, header.length);
      return { state, codec: SEALED_CODEC, payload: sealed };
    };
    const sealed = aes.encrypt(nonce, associated.of(state, key), plaintext, offset);
    return sealed instanceof Promise ? sealed.then(finish) : finish(sealed);
  }

  open(key: string, stored: StoredResult): StoredResult | Promise<StoredResult> {
    const { state, codec, payload } = stored;
    if (codec !== SEALED_CODEC) {
      if (this.#plain !== 'refuse') return stored;
      throw new Error(
        `it is not encrypted, but written by the codec "${codec}", wanted the option plain: "read" for results from before the encryption`,
      );
    }
    const used = this.#keyOf(payload);
    if (used === undefined) throw this.#fault(payload);
    const { header, aes, associated } = used;
    const sealedAt = header.length + NONCE_BYTES;
    const nonce = payload.subarray(header.length, sealedAt);
    let plaintext: Uint8Array | Promise<Uint8Array>;
    try {
      plaintext = aes.decrypt(nonce, associated.of(state, key), payload, sealedAt);
    } catch (error) {
      throw this.#fault(payload, error);
    }
    if (!(plaintext instanceof Promise)) return this.#resultIn(state, plaintext);
    return plaintext.then(
      (bytes) => this.#resultIn(state, bytes),
      (error) => {
        throw this.#fault(payload, error);
      },
    );
  }

  /**
   * Returns bytes for what is encrypted. Where a cipher answers at once they are those of the last call, and so
   * is the nonce: new ones made 2 KB take 1.16 times as long, because each is memory outside of the heap.
   */
  #room(byteCount: number, { isImmediate }: AesGcm): Uint8Array {
    if (!isImmediate || byteCount > MAX_REUSED_BYTES) return new Uint8Array(byteCount);
    if (this.#plaintext.length < byteCount) this.#plaintext = new Uint8Array(2 * byteCount);
    return this.#plaintext.subarray(0, byteCount);
  }

  /** Returns the key that encrypted a payload, if it is one of these keys and the payload is long enough. */
  #keyOf(payload: Uint8Array): PreparedKey | undefined {
    for (const each of this.#keys) {
      const { header } = each;
      if (!hasAt(payload, 0, header)) continue;
      return payload.length > header.length + NONCE_BYTES + TAG_BYTES ? each : undefined;
    }
    return undefined;
  }

  #resultIn(state: StoredResult['state'], plaintext: Uint8Array): StoredResult {
    const { buffer, byteOffset, length } = plaintext;
    const nameLength = plaintext[0] ?? 0;
    const payloadAt = 1 + nameLength;
    // To compare it takes a third of the time to decode it.
    const isUsual = nameLength === this.#name.length && hasAt(plaintext, 1, this.#name);
    const codec = isUsual ? this.#nameText : decoder.decode(plaintext.subarray(1, payloadAt));
    // No `Buffer`, which the plaintext may be.
    const payload = new Uint8Array(buffer, byteOffset + payloadAt, length - payloadAt);
    return { state, codec, payload };
  }

  #fault(payload: Uint8Array, cause?: unknown): Error {
    const ids = this.#keys.map(({ id }) => id);
    return new Error(faultOfSealed(payload, ids), cause === undefined ? undefined : { cause });
  }

  #encoded(name: string): Uint8Array {
    if (name !== this.#nameText) {
      const encoded = encoder.encode(name);
      if (encoded.length > MAX_NAME_BYTES) {
        throw new RangeError(
          `the name of the codec has ${encoded.length} bytes, wanted at most ${MAX_NAME_BYTES}`,
        );
      }
      this.#name = encoded;
      this.#nameText = name;
    }
    return this.#name;
  }
}

/** Its length is stored in one byte. */
const MAX_NAME_BYTES = 255;

/** Longer results are rare, and must not stay in memory. */
const MAX_REUSED_BYTES = 64 * 1024;

/** Twice the same nonce under one key would reveal both results, so a source that gives zeros is refused. */
function fillNonce(nonce: Uint8Array): void {
  nonce.fill(0);
  fillSecretBytes(nonce);
  if (nonce.every((byte) => byte === 0)) {
    fail(Error, 'SAMEKEY_NO_RANDOM', "the platform's crypto gives only zeros, wanted random bytes");
  }
}

const STATES = { done: 1, failed: 2 };

/**
 * What a payload is bound to: its version, the key that encrypts it, its state and its record.
 *
 * Nearly all keys of records have one length, so where a cipher answers at once, the bytes are those of the
 * last call. To decrypt 2 KB took a third longer with new bytes, and with a view for each part.
 */
class Associated {
  readonly #header: Uint8Array;
  readonly #isReused: boolean;
  #bytes = new Uint8Array();
  /** The end of `#bytes`. */
  #record = new Uint8Array();

  constructor(header: Uint8Array, isReused: boolean) {
    this.#header = header;
    this.#isReused = isReused;
  }

  /** Returns bytes that are right until the next call. */
  of(state: StoredResult['state'], key: string): Uint8Array {
    if (!this.#isReused || this.#record.length !== key.length) this.#makeRoom(key.length);
    const { read } = encoder.encodeInto(key, this.#record);
    if (read < key.length) {
      // Nearly every key is ASCII.
      const record = encoder.encode(key);
      this.#makeRoom(record.length);
      this.#record.set(record);
    }
    this.#bytes[this.#header.length] = STATES[state];
    return this.#bytes;
  }

  #makeRoom(byteCount: number): void {
    const header = this.#header;
    this.#bytes = new Uint8Array(header.length + 1 + byteCount);
    this.#bytes.set(header);
    this.#record = this.#bytes.subarray(header.length + 1);
  }
}

function hasAt(bytes: Uint8Array, offset: number, part: Uint8Array): boolean {
  for (let at = 0; at < part.length; at++) if (bytes[offset + at] !== part[at]) return false;
  return true;
}

/** Checks the keys and prepares them. No message shows a key. */
function readKeys(given: unknown, name: string, what: string): readonly PreparedKey[] {
  const keys: PreparedKey[] = [];
  const refuse = (Class: typeof TypeError, where: string, state: string, wanted: string) =>
    fail(
      Class,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use the ${what}: ${name}${where} ${state}, wanted ${wanted}`,
    );
  for (const [index, each] of (given as readonly unknown[]).entries()) {
    const at = `[${index}]`;
    requireMembers(each, ['id', 'key'], `${name}${at} of the ${what}`);
    const id = own(each as Partial<EncryptionKey>, 'id');
    if (typeof id !== 'string' || !KEY_ID.test(id)) {
      const state = typeof id === 'string' ? `has ${id.length} characters` : `is ${nameOf(id)}`;
      return refuse(
        typeof id === 'string' ? RangeError : TypeError,
        `${at}.id`,
        state,
        '1 to 32 letters, digits, ".", "_" and "-"',
      );
    }
    const other = keys.findIndex((earlier) => earlier.id === id);
    if (other >= 0) {
      refuse(RangeError, `${at}.id`, `is that of ${name}[${other}]`, 'another id for each key');
    }
    const bytes = bytesOf(own(each as Partial<EncryptionKey>, 'key'));
    if (bytes?.length !== KEY_BYTES) {
      const state =
        bytes === undefined ? 'is neither bytes nor base64 text' : `has ${bytes.length} bytes`;
      refuse(
        bytes === undefined ? TypeError : RangeError,
        `${at}.key`,
        state,
        `${KEY_BYTES} bytes, as a Uint8Array or as base64 text`,
      );
    }
    const header = headerOf(id);
    const aes = aesGcm(bytes as Uint8Array);
    keys.push({ id, header, aes, associated: new Associated(header, aes.isImmediate) });
  }
  if (keys.length === 0) refuse(RangeError, '', 'is empty', 'at least one { id, key }');
  return keys;
}

/** RFC 4648 §4 and §5, with or without padding. */
const BASE64 = /^[\w+/-]+={0,2}$/;

/** Returns a copy of the key, which the caller may overwrite. */
function bytesOf(key: unknown): Uint8Array | undefined {
  if (key instanceof Uint8Array) return new Uint8Array(key);
  if (typeof key !== 'string' || !BASE64.test(key)) return undefined;
  try {
    const text = atob(key.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

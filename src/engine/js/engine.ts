import { type Engine, SAVED_HEADER_BYTES, type Sha256State } from '../engine.js';
import { toHex, uuidv5By } from '../hex.js';
import { encoder } from '../utf8.js';
import { SHA1_INIT, sha1Compress } from './sha1.js';
import { SHA256_INIT, sha256Compress } from './sha256.js';

/** The padded end of a message. Shared, because no other code runs while it is in use. */
const LAST_BUFFER = /* @__PURE__ */ new ArrayBuffer(128);
const LAST = /* @__PURE__ */ new Uint8Array(LAST_BUFFER);
const LAST_WORDS = /* @__PURE__ */ new DataView(LAST_BUFFER);

/**
 * FIPS 180-4 §5.1.1: copies `bytes[start, end)`, the end of a message of `length` bytes, into LAST
 * and pads it. Returns the size of the padded end: one block or two. The length is counted in
 * bytes, up to 2^53 - 1, and written in bits, as 64-bit integer.
 */
function pad(bytes: Uint8Array, start: number, end: number, length: number): number {
  const held = end - start;
  const size = held < 56 ? 64 : 128;
  for (let i = 0; i < held; i++) LAST[i] = bytes[start + i] as number;
  LAST[held] = 0x80;
  LAST.fill(0, held + 1, size);
  writeWord(LAST, size - 8, Math.floor(length / 0x20000000));
  writeWord(LAST, size - 4, length << 3);
  return size;
}

function wordsOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}

function bigEndian(words: Int32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * 4);
  for (let i = 0; i < words.length; i++) writeWord(bytes, 4 * i, words[i] as number);
  return bytes;
}

function sha1(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = SHA1_INIT.slice();
  const tail = bytes.length - (bytes.length & 63);
  sha1Compress(state, bytes, 0, tail);
  sha1Compress(state, LAST, 0, pad(bytes, tail, bytes.length, bytes.length));
  return bigEndian(state);
}

class JsSha256 implements Sha256State {
  readonly #words = SHA256_INIT.slice();
  readonly #block = new Uint8Array(64);
  #length = 0;

  update(bytes: Uint8Array): void {
    let held = this.#length % 64;
    let start = 0;
    this.#length += bytes.length;
    if (held > 0) {
      start = Math.min(64 - held, bytes.length);
      this.#block.set(bytes.subarray(0, start), held);
      held += start;
      if (held < 64) return;
      sha256Compress(this.#words, wordsOf(this.#block), 0, 64);
    }
    const end = bytes.length - ((bytes.length - start) & 63);
    if (end > start) sha256Compress(this.#words, wordsOf(bytes), start, end);
    this.#block.set(bytes.subarray(end));
  }

  digest(): Uint8Array<ArrayBuffer> {
    const words = this.#words.slice();
    const size = pad(this.#block, 0, this.#length % 64, this.#length);
    sha256Compress(words, LAST_WORDS, 0, size);
    return bigEndian(words);
  }

  clone(): JsSha256 {
    return new JsSha256().restore(this.save());
  }

  save(): Uint8Array<ArrayBuffer> {
    const held = this.#length % 64;
    const saved = new Uint8Array(SAVED_HEADER_BYTES + held);
    saved.set(bigEndian(this.#words));
    new DataView(saved.buffer).setBigUint64(32, BigInt(this.#length));
    saved.set(this.#block.subarray(0, held), SAVED_HEADER_BYTES);
    return saved;
  }

  restore(saved: Uint8Array): this {
    const view = new DataView(saved.buffer, saved.byteOffset, saved.length);
    for (let i = 0; i < 8; i++) this.#words[i] = view.getInt32(4 * i);
    this.#length = Number(view.getBigUint64(32));
    this.#block.set(saved.subarray(SAVED_HEADER_BYTES));
    return this;
  }
}

function sha256(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  const words = SHA256_INIT.slice();
  const tail = end - ((end - start) % 64);
  if (tail > start) sha256Compress(words, wordsOf(bytes), start, tail);
  sha256Compress(words, LAST_WORDS, 0, pad(bytes, tail, end, end - start));
  return bigEndian(words);
}

/** Pure TypeScript: the reference, and the engine for platforms without WebAssembly. */
export const jsEngine: Engine = {
  name: 'js',
  simd: false,
  sha256,
  sha256Hex: (bytes, start, end, prefix) => prefix + toHex(sha256(bytes, start, end)),
  sha256HexOfText(text, prefix) {
    const bytes = encoder.encode(text);
    return prefix + toHex(sha256(bytes, 0, bytes.length));
  },
  sha1,
  uuidv5: (namespace, content) => uuidv5By(sha1, namespace, content),
  lanes: undefined,
  createSha256: () => new JsSha256(),
  restoreSha256: (saved) => new JsSha256().restore(saved),
};

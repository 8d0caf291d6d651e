import { type Engine, SAVED_HEADER_BYTES, type Sha256State } from '../engine.js';
import { toHex, toUuid } from '../hex.js';
import { encoder } from '../utf8.js';
import { SHA1_INIT, sha1Compress } from './sha1.js';
import { SHA256_INIT, sha256Compress } from './sha256.js';

/**
 * FIPS 180-4 §5.1.1: the last `pending` bytes of a message of `length` bytes, padded to one or two
 * blocks. The length is counted in bytes up to 2^53 - 1 and written in bits, as 64.
 */
function padded(pending: Uint8Array, length: number): Uint8Array {
  const blocks = new Uint8Array(pending.length < 56 ? 64 : 128);
  blocks.set(pending);
  blocks[pending.length] = 0x80;
  const view = new DataView(blocks.buffer);
  view.setUint32(blocks.length - 8, Math.floor(length / 0x20000000));
  view.setUint32(blocks.length - 4, length << 3);
  return blocks;
}

function bigEndian(words: Int32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < words.length; i++) view.setInt32(4 * i, words[i] as number);
  return bytes;
}

function sha1(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = SHA1_INIT.slice();
  const tail = bytes.length - (bytes.length & 63);
  sha1Compress(state, bytes, 0, tail);
  const last = padded(bytes.subarray(tail), bytes.length);
  sha1Compress(state, last, 0, last.length);
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
      sha256Compress(this.#words, this.#block, 0, 64);
    }
    const end = bytes.length - ((bytes.length - start) & 63);
    sha256Compress(this.#words, bytes, start, end);
    this.#block.set(bytes.subarray(end));
  }

  digest(): Uint8Array<ArrayBuffer> {
    const words = this.#words.slice();
    const last = padded(this.#block.subarray(0, this.#length % 64), this.#length);
    sha256Compress(words, last, 0, last.length);
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

function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = new JsSha256();
  state.update(bytes);
  return state.digest();
}

/** Pure TypeScript: the reference, and the engine where WebAssembly may not run. */
export const jsEngine: Engine = {
  name: 'js',
  simd: false,
  sha256: (bytes, start, end) => sha256(bytes.subarray(start, end)),
  sha256Hex: (bytes, start, end) => toHex(sha256(bytes.subarray(start, end))),
  sha256HexOfText: (text) => toHex(sha256(encoder.encode(text))),
  sha1,
  uuidv5(namespace, content) {
    const name = typeof content === 'string' ? encoder.encode(content) : content;
    const bytes = new Uint8Array(16 + name.length);
    bytes.set(namespace);
    bytes.set(name, 16);
    return toUuid(sha1(bytes), 5);
  },
  createSha256: () => new JsSha256(),
  restoreSha256: (saved) => new JsSha256().restore(saved),
};

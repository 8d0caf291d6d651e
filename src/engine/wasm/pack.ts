import { PACKED_BYTES, type Pack } from '../engine.js';
import { asciiText, encoder } from '../utf8.js';
import type { Arena, ArenaUser } from './arena.js';
import type { Wasm } from './instance.js';

const DIGEST_BYTES = 32;

/** The most messages in a batch, limited by WASM memory. */
const MAX_MESSAGES = 512;

/**
 * A pack is digested when it has this many bytes. Behind them is space for one more message, or for
 * joined texts of PACKED_BYTES characters at three bytes each.
 */
const LOAD_BYTES = 0xb000;

/**
 * Keys decoded in one call and cut apart. Each key keeps the whole text in memory: one that
 * outlives its neighbours costs 32 × 67 bytes.
 */
const KEYS_PER_TEXT = 32;

/**
 * Short messages, stored one after the other in WASM memory. Texts are joined before they are
 * encoded, which takes 70 ns per text instead of 190.
 */
export class WasmPack implements Pack, ArenaUser {
  readonly #wasm: Wasm;
  readonly #arena: Arena;
  readonly #prefix: string | undefined;
  readonly #results: (string | Uint8Array)[];
  /** Lengths of the messages; for texts that are not encoded yet, in characters. */
  readonly #lengths: Uint32Array;
  /** The index of the result of each message. */
  readonly #places = new Uint32Array(MAX_MESSAGES);
  #count = 0;
  #encodedCount = 0;
  #text = '';
  #byteCount = 0;

  constructor(
    wasm: Wasm,
    arena: Arena,
    prefix: string | undefined,
    results: (string | Uint8Array)[],
  ) {
    this.#wasm = wasm;
    this.#arena = arena;
    this.#prefix = prefix;
    this.#results = results;
    this.#lengths = new Uint32Array(wasm.bytes.buffer, wasm.call.LENGTHS.value, MAX_MESSAGES);
  }

  addText(text: string, place: number): void {
    const { length } = text;
    if (this.#text.length + length > PACKED_BYTES) this.#encode();
    this.#addMessage(length, place);
    this.#text += text;
  }

  addBytes(bytes: Uint8Array, start: number, end: number, place: number): void {
    const length = end - start;
    this.#encode();
    this.#addMessage(length, place);
    this.#encodedCount++;
    this.#wasm.bytes.set(
      length === bytes.length ? bytes : bytes.subarray(start, end),
      this.#wasm.at.packed + this.#byteCount,
    );
    this.#byteCount += length;
  }

  #addMessage(length: number, place: number): void {
    this.#arena.use(this);
    if (this.#count === MAX_MESSAGES || this.#byteCount >= LOAD_BYTES) this.flush();
    this.#lengths[this.#count] = length;
    this.#places[this.#count++] = place;
  }

  flush(): void {
    this.#encode();
    const count = this.#count;
    if (count === 0) return;
    this.#wasm.call.digestBatch(count);
    this.#count = 0;
    this.#encodedCount = 0;
    this.#byteCount = 0;
    if (this.#prefix === undefined) this.#copyDigests(count);
    else this.#copyKeys(count, this.#prefix);
  }

  #encode(): void {
    const text = this.#text;
    if (text !== '') {
      this.#text = '';
      const { bytes, at } = this.#wasm;
      const to = bytes.subarray(at.packed + this.#byteCount);
      const { read, written } = encoder.encodeInto(text, to);
      if (read === text.length && written === read) this.#byteCount += written;
      else this.#encodeEach(text);
    }
    this.#encodedCount = this.#count;
  }

  /**
   * Encodes one text at a time: the UTF-8 length of a text that is not ASCII is only known then.
   */
  #encodeEach(text: string): void {
    const { bytes, at } = this.#wasm;
    let from = 0;
    for (let i = this.#encodedCount; i < this.#count; i++) {
      const to = from + (this.#lengths[i] as number);
      const { written } = encoder.encodeInto(
        text.substring(from, to),
        bytes.subarray(at.packed + this.#byteCount),
      );
      this.#lengths[i] = written;
      this.#byteCount += written;
      from = to;
    }
  }

  #copyDigests(count: number): void {
    const { call, bytes } = this.#wasm;
    let at = call.DIGESTS.value;
    for (let i = 0; i < count; i++, at += DIGEST_BYTES) {
      this.#results[this.#places[i] as number] = bytes.slice(at, at + DIGEST_BYTES);
    }
  }

  #copyKeys(count: number, prefix: string): void {
    const { call, bytes, at } = this.#wasm;
    const results = this.#results;
    const places = this.#places;
    encoder.encodeInto(prefix, bytes.subarray(at.input));
    call.batchHex(count, prefix.length);
    const width = prefix.length + 2 * DIGEST_BYTES;
    for (let first = 0; first < count; first += KEYS_PER_TEXT) {
      const last = Math.min(first + KEYS_PER_TEXT, count);
      const text = asciiText(bytes.subarray(at.arena + first * width, at.arena + last * width));
      for (let i = first, from = 0; i < last; i++, from += width) {
        results[places[i] as number] = text.substring(from, from + width);
      }
    }
  }
}

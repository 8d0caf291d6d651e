import { PACKED_BYTES, type Pack } from '../engine.js';
import { decoder, encoder } from '../utf8.js';
import type { Arena, Tenant } from './arena.js';
import { SCRATCH_SLOT, type WasmHashers } from './hasher.js';

const DIGEST_BYTES = 32;

/**
 * Messages are digested when there are this many bytes of them. Behind those is room for a text of
 * PACKED_BYTES characters, or as many of short texts, in three bytes each.
 */
const LOAD_BYTES = 0xb000;

/**
 * Texts up to this length are joined before they are encoded, 70 ns each instead of 190; longer
 * ones, where the copy would cost more than the call, are encoded alone.
 */
const JOINED_CHARS = 256;
const MAX_JOINED_CHARS = PACKED_BYTES - JOINED_CHARS;

/**
 * Keys decoded in one go and cut apart. A piece that is cut out keeps the whole text in memory: a
 * key that outlives its neighbours costs that many times 67 bytes.
 */
const KEYS_PER_TEXT = 32;

/** Short messages, one behind the other in the arena. */
export class WasmPack<T extends string | Uint8Array> implements Pack, Tenant {
  readonly #arena: Arena;
  readonly #hashers: WasmHashers;
  readonly #start: Uint8Array | undefined;
  readonly #prefix: string | undefined;
  readonly #deliver: (results: T[]) => void;
  /** The lengths of the messages, `#count` of them: of texts not encoded yet, in characters. */
  readonly #lengths: Uint32Array;
  #count = 0;
  #encoded = 0;
  /** Texts that are not encoded yet. */
  #text = '';
  /** Where the next bytes go. */
  #next: number;

  constructor(
    arena: Arena,
    hashers: WasmHashers,
    start: Uint8Array | undefined,
    prefix: string | undefined,
    deliver: (results: T[]) => void,
  ) {
    const { LENGTHS, MAX_MESSAGES, PACKED, memory } = arena.wasm.call;
    this.#arena = arena;
    this.#hashers = hashers;
    this.#start = start;
    this.#prefix = prefix;
    this.#deliver = deliver;
    this.#lengths = new Uint32Array(memory.buffer, LENGTHS.value, MAX_MESSAGES.value);
    this.#next = PACKED.value;
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve();
    this.#encode();
    const memory = this.#arena.wasm.bytes;
    if (bytes === memory) memory.copyWithin(this.#next, start, end);
    else memory.set(bytes.length === end - start ? bytes : bytes.subarray(start, end), this.#next);
    this.#next += end - start;
    this.#lengths[this.#count++] = end - start;
    this.#encoded = this.#count;
  }

  addText(text: string): void {
    this.#reserve();
    if (text.length > JOINED_CHARS || this.#text.length > MAX_JOINED_CHARS) this.#encode();
    this.#text += text;
    this.#lengths[this.#count++] = text.length;
    if (text.length > JOINED_CHARS) this.#encode();
  }

  flush(): void {
    this.#encode();
    this.#digest();
  }

  #reserve(): void {
    const { PACKED } = this.#arena.wasm.call;
    if (this.#count === this.#lengths.length || this.#next >= PACKED.value + LOAD_BYTES) {
      this.flush();
    }
    // Last, because results that were delivered may have gone into another pack.
    this.#arena.enter(this);
  }

  #encode(): void {
    const text = this.#text;
    const { bytes } = this.#arena.wasm;
    this.#text = '';
    if (text.length > 0) {
      const { read, written } = encoder.encodeInto(text, bytes.subarray(this.#next));
      if (read === text.length && written === read) this.#next += written;
      else this.#encodeEach(text, bytes);
    }
    this.#encoded = this.#count;
  }

  /** Not all is ASCII: how long a text is in UTF-8 is known only when it is encoded alone. */
  #encodeEach(text: string, bytes: Uint8Array): void {
    let from = 0;
    for (let i = this.#encoded; i < this.#count; i++) {
      const to = from + (this.#lengths[i] as number);
      const piece = text.substring(from, to);
      const { written } = encoder.encodeInto(piece, bytes.subarray(this.#next));
      this.#lengths[i] = written;
      this.#next += written;
      from = to;
    }
  }

  #digest(): void {
    const count = this.#count;
    if (count === 0) return;
    const { call } = this.#arena.wasm;
    call.hasherOpen(SCRATCH_SLOT);
    if (this.#start !== undefined) this.#hashers.feed(SCRATCH_SLOT, this.#start);
    call.digestBatch(count, SCRATCH_SLOT);
    this.#count = 0;
    this.#encoded = 0;
    this.#next = call.PACKED.value;
    this.#deliver(this.#results(count));
  }

  #results(count: number): T[] {
    const { call, bytes, at } = this.#arena.wasm;
    const results: unknown[] = [];
    if (this.#prefix === undefined) {
      const first = call.DIGESTS.value;
      for (let i = 0; i < count; i++) {
        results.push(bytes.slice(first + i * DIGEST_BYTES, first + (i + 1) * DIGEST_BYTES));
      }
      return results as T[];
    }
    encoder.encodeInto(this.#prefix, bytes.subarray(at.input));
    call.batchHex(count, this.#prefix.length);
    const width = this.#prefix.length + 2 * DIGEST_BYTES;
    const end = this.#arena.start + count * width;
    const step = KEYS_PER_TEXT * width;
    for (let from = this.#arena.start; from < end; from += step) {
      const text = decoder.decode(bytes.subarray(from, Math.min(from + step, end)));
      for (let i = 0; i < text.length; i += width) results.push(text.substring(i, i + width));
    }
    return results as T[];
  }
}

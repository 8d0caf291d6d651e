import { PACKED_BYTES, type Pack } from '../engine.js';
import { decoder, encoder } from '../utf8.js';
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
export class WasmPack<T extends string | Uint8Array> implements Pack, ArenaUser {
  readonly #wasm: Wasm;
  readonly #arena: Arena;
  readonly #prefix: string | undefined;
  readonly #deliver: (results: T[]) => void;
  /** Lengths of the messages; for texts that are not encoded yet, in characters. */
  readonly #lengths: Uint32Array;
  #count = 0;
  #encodedCount = 0;
  #text = '';
  #byteCount = 0;

  constructor(
    wasm: Wasm,
    arena: Arena,
    prefix: string | undefined,
    deliver: (results: T[]) => void,
  ) {
    this.#wasm = wasm;
    this.#arena = arena;
    this.#prefix = prefix;
    this.#deliver = deliver;
    this.#lengths = new Uint32Array(wasm.bytes.buffer, wasm.call.LENGTHS.value, MAX_MESSAGES);
  }

  add(content: string | Uint8Array, start: number, end: number): void {
    const isText = typeof content === 'string';
    const length = end - start;
    if (!isText || this.#text.length + length > PACKED_BYTES) this.#encode();
    this.#arena.use(this);
    if (this.#count === MAX_MESSAGES || this.#byteCount >= LOAD_BYTES) this.flush();
    this.#lengths[this.#count++] = length;
    if (isText) this.#text += content;
    else {
      const bytes = length === content.length ? content : content.subarray(start, end);
      this.#wasm.bytes.set(bytes, this.#end());
      this.#byteCount += length;
      this.#encodedCount++;
    }
  }

  flush(): void {
    this.#encode();
    const count = this.#count;
    if (count === 0) return;
    this.#wasm.call.digestBatch(count);
    this.#count = 0;
    this.#encodedCount = 0;
    this.#byteCount = 0;
    this.#deliver(this.#results(count));
  }

  #end(): number {
    return this.#wasm.at.packed + this.#byteCount;
  }

  #encode(): void {
    const text = this.#text;
    if (text !== '') {
      this.#text = '';
      const { read, written } = encoder.encodeInto(text, this.#wasm.bytes.subarray(this.#end()));
      if (read === text.length && written === read) this.#byteCount += written;
      else this.#encodeEach(text);
    }
    this.#encodedCount = this.#count;
  }

  /**
   * Encodes one text at a time: the UTF-8 length of a text that is not ASCII is only known then.
   */
  #encodeEach(text: string): void {
    let from = 0;
    for (let i = this.#encodedCount; i < this.#count; i++) {
      const to = from + (this.#lengths[i] as number);
      const { written } = encoder.encodeInto(
        text.substring(from, to),
        this.#wasm.bytes.subarray(this.#end()),
      );
      this.#lengths[i] = written;
      this.#byteCount += written;
      from = to;
    }
  }

  #results(count: number): T[] {
    const { call, bytes, at } = this.#wasm;
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
    const start = at.arena;
    const end = start + count * width;
    const step = KEYS_PER_TEXT * width;
    for (let from = start; from < end; from += step) {
      const text = decoder.decode(bytes.subarray(from, Math.min(from + step, end)));
      for (let i = 0; i < text.length; i += width) results.push(text.substring(i, i + width));
    }
    return results as T[];
  }
}

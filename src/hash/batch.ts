import { type Engine, type OpenPack, PACKED_BYTES, type Pack } from '../engine/engine.js';
import { toHex } from '../engine/hex.js';
import { digestEngine } from '../engine/select.js';
import { encoder } from '../engine/utf8.js';
import { createDigester, type Digester, type HmacKey } from './hmac.js';

/** Long messages that are open at the same time, and how much of each is fed in turn. */
const OPEN_COUNT = 16;
const PIECE_BYTES = 0x10000;

/**
 * Digests of many messages, in the order in which these are added: 64 hexadecimal digits behind a
 * prefix, or 32 bytes if there is none. Short messages are packed and digested four abreast, long
 * ones are fed in turn. An engine without lanes takes one after the other, and so does HMAC.
 */
export class DigestBatch<T extends string | Uint8Array> {
  readonly #engine: Engine = digestEngine();
  readonly #prefix: string | undefined;
  readonly #hmac: HmacKey | undefined;
  readonly #results: T[] = [];
  #count = 0;
  #pack: Pack | undefined;
  /** Where the results of packed messages go. */
  readonly #places: number[] = [];
  #delivered = 0;
  readonly #long: { readonly content: string | Uint8Array; readonly place: number }[] = [];

  constructor(prefix: string | undefined, hmac: HmacKey | undefined) {
    this.#prefix = prefix;
    this.#hmac = hmac;
  }

  /** Adds well-formed text or bytes, which stay as they are until the end. */
  add(content: string | Uint8Array): void {
    const { length } = content;
    if (length > PACKED_BYTES && this.#lanesFor(length) !== undefined) {
      this.#long.push({ content, place: this.#count++ });
    } else if (typeof content !== 'string') {
      this.addRange(content, 0, length);
    } else {
      const open = this.#lanesFor(length);
      if (open !== undefined) this.#packFor(open).addText(content);
      else if (this.#hmac === undefined && this.#prefix !== undefined) {
        this.done(this.#engine.sha256HexOfText(content, this.#prefix) as T);
      } else this.#digest(encoder.encode(content));
    }
  }

  /** Adds `bytes[start, end)`, which may be overwritten afterwards. */
  addRange(bytes: Uint8Array, start: number, end: number): void {
    const open = end - start > PACKED_BYTES ? undefined : this.#lanesFor(end - start);
    if (open === undefined) this.#digest(bytes.subarray(start, end));
    else this.#packFor(open).add(bytes, start, end);
  }

  /** Adds a message that was digested elsewhere. */
  done(result: T): void {
    this.#results[this.#count++] = result;
  }

  /** All results. */
  finish(): T[] {
    this.#pack?.flush();
    for (let i = 0; i < this.#long.length; i += OPEN_COUNT) this.#digestLong(i, i + OPEN_COUNT);
    return this.#results;
  }

  #lanesFor(byteCount: number): OpenPack | undefined {
    return this.#hmac === undefined ? this.#engine.lanesFor?.(byteCount) : undefined;
  }

  /** The pack, for the next message. */
  #packFor(open: OpenPack): Pack {
    this.#places.push(this.#count++);
    this.#pack ??= open<T>(this.#prefix, (results) => {
      for (const result of results) {
        this.#results[this.#places[this.#delivered++] as number] = result;
      }
    });
    return this.#pack;
  }

  /** One message alone. */
  #digest(bytes: Uint8Array): void {
    const engine = this.#engine;
    if (this.#hmac !== undefined) {
      const digester = createDigester(this.#hmac);
      digester.update(bytes);
      this.done(this.#finished(digester));
    } else if (this.#prefix === undefined) {
      this.done(engine.sha256(bytes, 0, bytes.length) as T);
    } else this.done(engine.sha256Hex(bytes, 0, bytes.length, this.#prefix) as T);
  }

  /** Long messages, a piece of each in turn, so that they share the lanes. */
  #digestLong(start: number, end: number): void {
    const open = this.#long.slice(start, end).map(({ content, place }) => ({
      place,
      bytes: typeof content === 'string' ? encoder.encode(content) : content,
      digester: createDigester(undefined, this.#engine),
    }));
    const longest = Math.max(...open.map(({ bytes }) => bytes.length));
    for (let at = 0; at < longest; at += PIECE_BYTES) {
      for (const { bytes, digester } of open) {
        if (at < bytes.length) digester.update(bytes.subarray(at, at + PIECE_BYTES));
      }
    }
    for (const { place, digester } of open) this.#results[place] = this.#finished(digester);
  }

  #finished(digester: Digester): T {
    const digest = digester.finish();
    return (this.#prefix === undefined ? digest : this.#prefix + toHex(digest)) as T;
  }
}

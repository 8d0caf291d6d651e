import { type Engine, type Lanes, PACKED_BYTES, type Pack } from '../engine/engine.js';
import { toHex } from '../engine/hex.js';
import { digestEngine } from '../engine/select.js';
import { encoder } from '../engine/utf8.js';
import { createDigester, type Digester, type HmacKey } from './hmac.js';

/** How many long messages are open at the same time, and how much of each is fed in turn. */
const OPEN_COUNT = 16;
const PIECE_BYTES = 0x10000;

/** A message too long to be packed, and the position of its result. */
interface Long {
  readonly content: string | Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly place: number;
}

function toBytes(content: string | Uint8Array, start: number, end: number): Uint8Array {
  return typeof content === 'string' ? encoder.encode(content) : content.subarray(start, end);
}

/**
 * Digests many messages, and returns the results in their order: 64 hexadecimal digits behind a
 * prefix, or 32 bytes without one. It packs short messages and digests them four at a time, and
 * feeds long ones in turn. An engine without lanes digests one message after the other, and so does
 * HMAC.
 */
export class DigestBatch<T extends string | Uint8Array> {
  readonly #engine: Engine = digestEngine();
  readonly #prefix: string | undefined;
  readonly #hmac: HmacKey | undefined;
  readonly #results: T[] = [];
  #count = 0;
  /** `undefined` for HMAC, and if the engine has no lanes. */
  readonly #lanes: Lanes | undefined;
  #pack: Pack | undefined;
  readonly #long: Long[] = [];

  constructor(prefix: string | undefined, hmac: HmacKey | undefined) {
    this.#prefix = prefix;
    this.#hmac = hmac;
    this.#lanes = hmac === undefined ? this.#engine.lanes : undefined;
  }

  /**
   * Adds well-formed text, or `content[start, end)` of bytes. Long bytes that may be overwritten
   * before `finish` (`isStable` is false) are digested at once.
   */
  add(content: string | Uint8Array, start = 0, end = content.length, isStable = true): void {
    const length = end - start;
    const lanes = this.#lanes;
    if (lanes === undefined || !lanes.areFastest(length) || (length > PACKED_BYTES && !isStable)) {
      this.done(this.#digest(content, start, end));
    } else if (length > PACKED_BYTES) {
      this.#long.push({ content, start, end, place: this.#count++ });
    } else {
      this.#pack ??= lanes.open(this.#prefix, this.#results);
      if (typeof content === 'string') this.#pack.addText(content, this.#count++);
      else this.#pack.addBytes(content, start, end, this.#count++);
    }
  }

  /** Adds the result of a message that was digested elsewhere. */
  done(result: T): void {
    this.#results[this.#count++] = result;
  }

  /** Returns all results. */
  finish(): T[] {
    this.#pack?.flush();
    for (let i = 0; i < this.#long.length; i += OPEN_COUNT) this.#digestLong(i, i + OPEN_COUNT);
    return this.#results;
  }

  /** Digests one message alone. */
  #digest(content: string | Uint8Array, start: number, end: number): T {
    const engine = this.#engine;
    const prefix = this.#prefix;
    const hmac = this.#hmac;
    if (hmac === undefined && prefix !== undefined) {
      return (
        typeof content === 'string'
          ? engine.sha256HexOfText(content, prefix)
          : engine.sha256Hex(content, start, end, prefix)
      ) as T;
    }
    const bytes = toBytes(content, start, end);
    if (hmac === undefined) return engine.sha256(bytes, 0, bytes.length) as T;
    const digester = createDigester(hmac);
    digester.update(bytes);
    return this.#finished(digester);
  }

  /** Digests long messages, a piece of each in turn, so that they share the lanes. */
  #digestLong(first: number, last: number): void {
    const open = this.#long.slice(first, last).map(({ content, start, end, place }) => ({
      place,
      bytes: toBytes(content, start, end),
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

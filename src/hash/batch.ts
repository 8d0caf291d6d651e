import { type Engine, type Lanes, PACKED_BYTES, type Pack } from '../engine/engine.js';
import { toHex } from '../engine/hex.js';
import { digestEngine } from '../engine/select.js';
import { encoder } from '../engine/utf8.js';
import { createDigester, type Digester, type HmacKey } from './hmac.js';

/** Long messages that are digested at the same time, and how much of each in turn. */
const ABREAST = 4;
const PIECE_BYTES = 0x10000;

/**
 * Digests of many messages, in the order in which these are added: 64 hexadecimal digits behind a
 * prefix, or 32 bytes if there is none. Short messages are packed and digested four abreast, long
 * ones are fed in turn; an engine without lanes takes one after the other.
 */
export class DigestBatch<T extends string | Uint8Array> {
  readonly #engine: Engine = digestEngine();
  readonly #prefix: string | undefined;
  readonly #hmac: HmacKey | undefined;
  readonly #results: T[] = [];
  #count = 0;
  /** Where the results of packed messages go. */
  readonly #places: number[] = [];
  #delivered = 0;
  #packs: Pack[] = [];
  readonly #long: { readonly content: string | Uint8Array; readonly place: number }[] = [];

  constructor(prefix: string | undefined, hmac: HmacKey | undefined) {
    this.#prefix = prefix;
    this.#hmac = hmac;
  }

  /** Adds well-formed text or bytes, which stay as they are until the end. */
  add(content: string | Uint8Array): void {
    const lanes = this.#engine.lanesFor?.(content.length);
    if (lanes === undefined) this.done(this.#digest(content));
    else if (content.length > PACKED_BYTES) this.#long.push({ content, place: this.#count++ });
    else if (typeof content === 'string') this.#pack(lanes).addText(content);
    else this.#pack(lanes).add(content, 0, content.length);
  }

  /** Adds `bytes[start, end)`, which may be overwritten afterwards. */
  addRange(bytes: Uint8Array, start: number, end: number): void {
    const lanes = this.#engine.lanesFor?.(end - start);
    if (lanes === undefined || end - start > PACKED_BYTES) {
      this.done(this.#digest(bytes.subarray(start, end)));
    } else this.#pack(lanes).add(bytes, start, end);
  }

  /** Adds a message that was digested elsewhere. */
  done(result: T): void {
    this.#results[this.#count++] = result;
  }

  /** All results. */
  finish(): T[] {
    for (const pack of this.#packs) pack.flush();
    this.#digestLong();
    return this.#results;
  }

  /** The pack for the next message. HMAC takes two: the digests of the first go into the second. */
  #pack(lanes: Lanes): Pack {
    this.#places.push(this.#count++);
    if (this.#packs.length === 0) {
      const deliver = (results: T[]) => {
        for (const result of results) {
          this.#results[this.#places[this.#delivered++] as number] = result;
        }
      };
      const last = lanes.createPack(this.#hmac?.outer, this.#prefix, deliver);
      this.#packs =
        this.#hmac === undefined
          ? [last]
          : [
              lanes.createPack<Uint8Array>(this.#hmac.inner, undefined, (digests) => {
                for (const digest of digests) last.add(digest, 0, digest.length);
              }),
              last,
            ];
    }
    return this.#packs[0] as Pack;
  }

  /** One message alone. */
  #digest(content: string | Uint8Array): T {
    const prefix = this.#prefix;
    if (this.#hmac === undefined && prefix !== undefined && typeof content === 'string') {
      return this.#engine.sha256HexOfText(content, prefix) as T;
    }
    const bytes = toBytes(content);
    if (this.#hmac !== undefined) {
      const digester = createDigester(this.#hmac);
      digester.update(bytes);
      return this.#finished(digester);
    }
    return (
      prefix === undefined
        ? this.#engine.sha256(bytes, 0, bytes.length)
        : this.#engine.sha256Hex(bytes, 0, bytes.length, prefix)
    ) as T;
  }

  #finished(digester: Digester): T {
    const digest = digester.finish();
    return (this.#prefix === undefined ? digest : this.#prefix + toHex(digest)) as T;
  }

  /** As many at once as there are lanes, a piece of each in turn. */
  #digestLong(): void {
    const waiting = this.#long.values();
    let open: { digester: Digester; bytes: Uint8Array; at: number; place: number }[] = [];
    do {
      while (open.length < ABREAST) {
        const { value } = waiting.next();
        if (value === undefined) break;
        const digester = createDigester(this.#hmac, this.#engine);
        open.push({ digester, bytes: toBytes(value.content), at: 0, place: value.place });
      }
      for (const each of open) {
        each.digester.update(each.bytes.subarray(each.at, each.at + PIECE_BYTES));
        each.at += PIECE_BYTES;
      }
      open = open.filter(({ digester, bytes, at, place }) => {
        if (at < bytes.length) return true;
        this.#results[place] = this.#finished(digester);
        return false;
      });
    } while (open.length > 0);
  }
}

function toBytes(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? encoder.encode(content) : content;
}

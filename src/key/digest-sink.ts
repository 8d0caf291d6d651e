import { toHex } from '../engine/hex.js';
import { digestEngine } from '../engine/select.js';
import { createDigester, type Digester, type HmacKey } from '../hash/hmac.js';
import type { CanonicalSink } from '../json/write.js';

/**
 * Returns a prefix and the hexadecimal digest of canonical bytes. It digests them in one call if
 * they arrive at once, and incrementally otherwise.
 */
export class DigestSink implements CanonicalSink<string> {
  readonly #hmac: HmacKey | undefined;
  readonly #prefix: string;
  #digester: Digester | undefined;

  constructor(hmac: HmacKey | undefined, prefix: string) {
    this.#hmac = hmac;
    this.#prefix = prefix;
  }

  chunk(bytes: Uint8Array, start: number, end: number): void {
    this.#digester ??= createDigester(this.#hmac);
    this.#digester.update(bytes.subarray(start, end));
  }

  last(bytes: Uint8Array, start: number, end: number): string {
    if (this.#digester === undefined && this.#hmac === undefined) {
      return digestEngine().sha256Hex(bytes, start, end, this.#prefix);
    }
    const digester = this.#digester ?? createDigester(this.#hmac, digestEngine());
    digester.update(bytes.subarray(start, end));
    return this.#prefix + toHex(digester.finish());
  }
}

import { toHex } from '../engine/hex.js';
import { digestEngine, streamEngine } from '../engine/select.js';
import { encoder } from '../engine/utf8.js';
import type { PieceSink } from '../engine/wasm/document.js';
import { createDigester, type Digester } from '../hash/hmac.js';

/**
 * A reference whose first piece is at least this long is digested by the engine for long streams.
 */
const LONG_BYTES = 0x4000;

/**
 * Maximum nesting of references. Each is a call within a call where values are written, and the
 * stack has space for several hundred.
 */
export const MAX_NESTED_REFERENCES = 100;

/** Thrown if there are more. The caller that reads the text as a value reports where. */
export const TOO_MANY_REFERENCES = {};

/** Passes canonical text to another sink, with the digest of each reference in its place. */
export class ReferenceSink<T> implements PieceSink<T> {
  readonly #outer: PieceSink<T>;
  /** The digests of the open references, the innermost last, made with the first piece. */
  readonly #open: (Digester | undefined)[] = [];

  constructor(outer: PieceSink<T>) {
    this.#outer = outer;
  }

  chunk(bytes: Uint8Array, start: number, end: number): void {
    const innermost = this.#open.length - 1;
    if (innermost < 0) {
      this.#outer.chunk(bytes, start, end);
      return;
    }
    const engine = end - start >= LONG_BYTES ? streamEngine() : digestEngine();
    this.#open[innermost] ??= createDigester(undefined, engine);
    this.#open[innermost].update(bytes.subarray(start, end));
  }

  beginReference(): void {
    if (this.#open.push(undefined) > MAX_NESTED_REFERENCES) throw TOO_MANY_REFERENCES;
  }

  endReference(): void {
    // Every value has at least one character.
    const digest = (this.#open.pop() as Digester).finish();
    const text = encoder.encode(`"sha256:${toHex(digest)}"`);
    this.chunk(text, 0, text.length);
  }

  last(bytes: Uint8Array, start: number, end: number): T {
    return this.#outer.last(bytes, start, end);
  }
}

/**
 * The name of an implementation. All engines return the same bytes; they differ in speed and in
 * where they run.
 */
export type EngineName = 'native' | 'wasm' | 'js';

/**
 * Bytes with a buffer of their own: `Uint8Array<ArrayBuffer>`, which TypeScript before 5.7 cannot
 * express.
 */
export type Bytes = ReturnType<typeof Uint8Array.of>;

export interface Engine {
  readonly name: EngineName;
  /** Whether the inner loops use vector instructions (WebAssembly SIMD). */
  readonly simd: boolean;
  /** Returns the SHA-256 of `bytes[start, end)`: 32 bytes. */
  sha256(bytes: Uint8Array, start: number, end: number): Bytes;
  /**
   * Returns `prefix` and the SHA-256 of `bytes[start, end)` as 64 lower-case hexadecimal digits.
   */
  sha256Hex(bytes: Uint8Array, start: number, end: number, prefix: string): string;
  /** Like `sha256Hex`, for the UTF-8 bytes of a well-formed text. */
  sha256HexOfText(text: string, prefix: string): string;
  /** Returns the SHA-1 of `bytes`: 20 bytes. */
  sha1(bytes: Uint8Array): Bytes;
  /**
   * Returns the version 5 UUID of the content (well-formed text or bytes) in a 16-byte namespace.
   */
  uuidv5(namespace: Uint8Array, content: string | Uint8Array): string;
  /** Digests several messages at a time; `undefined` in an engine that digests one at a time. */
  readonly lanes: Lanes | undefined;
  createSha256(): Sha256State;
  /**
   * Returns a state that continues from the bytes of `Sha256State.save`, which the caller has
   * validated.
   */
  restoreSha256(saved: Uint8Array): Sha256State;
}

export interface Lanes {
  /**
   * Returns whether lanes are fastest for messages of `byteCount` bytes. Longer messages than
   * `PACKED_BYTES` should then be fed to several states in turn.
   */
  areFastest(byteCount: number): boolean;
  /**
   * Opens a pack that writes its results to `results`: `prefix` (up to 16 characters) and 64
   * hexadecimal digits, or 32 bytes if `prefix` is `undefined`.
   */
  open(prefix: string | undefined, results: (string | Uint8Array)[]): Pack;
}

/** Collects short messages and digests them together. */
export interface Pack {
  /** Adds well-formed text, whose result becomes `results[place]`. */
  addText(text: string, place: number): void;
  /** Adds a copy of `bytes[start, end)`, whose result becomes `results[place]`. */
  addBytes(bytes: Uint8Array, start: number, end: number, place: number): void;
  /** Writes all remaining results. */
  flush(): void;
}

/** The longest message, in bytes or UTF-16 code units, that may be packed with others. */
export const PACKED_BYTES = 0x4000;

/** An incremental SHA-256 computation. */
export interface Sha256State {
  update(bytes: Uint8Array): void;
  /** Returns the digest of all bytes so far, 32 bytes. The state can be updated further. */
  digest(): Bytes;
  clone(): Sha256State;
  /**
   * Returns h0 … h7 and the length in bytes, big-endian, then the bytes of the unfinished block.
   */
  save(): Bytes;
}

/** Bytes of a saved state before the unfinished block: eight words and a 64-bit length. */
export const SAVED_HEADER_BYTES = 40;

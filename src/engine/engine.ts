/** Who does the arithmetic. All engines give the same bytes; they differ in speed and in where they run. */
export type EngineName = 'native' | 'wasm' | 'js';

/** Bytes with a buffer of their own: `Uint8Array<ArrayBuffer>`, which TypeScript before 5.7 cannot say. */
export type Bytes = ReturnType<typeof Uint8Array.of>;

export interface Engine {
  readonly name: EngineName;
  /** Whether its inner loops use vector instructions that samekey put there. */
  readonly simd: boolean;
  /** SHA-256 of `bytes[start, end)`: 32 bytes. */
  sha256(bytes: Uint8Array, start: number, end: number): Bytes;
  /** `prefix` and the SHA-256 of `bytes[start, end)` in 64 lower-case hexadecimal digits. */
  sha256Hex(bytes: Uint8Array, start: number, end: number, prefix: string): string;
  /** The same of a well-formed text's UTF-8 bytes. */
  sha256HexOfText(text: string, prefix: string): string;
  /** SHA-1 of `bytes`: 20 bytes. */
  sha1(bytes: Uint8Array): Bytes;
  /** The version 5 UUID of the content (well-formed text or bytes) in a 16-byte namespace. */
  uuidv5(namespace: Uint8Array, content: string | Uint8Array): string;
  /**
   * Opens packs, if packing is the fastest way for messages of that many bytes; longer ones than
   * `PACKED_BYTES` are then to be fed to several states in turn. An engine that digests nothing
   * abreast has no such function.
   */
  lanesFor?(byteCount: number): OpenPack | undefined;
  createSha256(): Sha256State;
  /** Continues from a state that `Sha256State.save` gave and that was checked. */
  restoreSha256(saved: Uint8Array): Sha256State;
}

/**
 * Opens a pack. `deliver` gets the results in the order of adding, some at a time: `prefix` (up to
 * 16 characters) and 64 hexadecimal digits, or 32 bytes if there is no prefix.
 */
export type OpenPack = <T extends string | Uint8Array>(
  prefix: string | undefined,
  deliver: (results: T[]) => void,
) => Pack;

/** Short messages that are digested together. */
export interface Pack {
  /** Adds well-formed text, or `content[start, end)` of bytes, which are copied. */
  add(content: string | Uint8Array, start: number, end: number): void;
  /** Delivers all that is left. */
  flush(): void;
}

/** The longest message, or text in characters, that may be packed with others. */
export const PACKED_BYTES = 0x4000;

/** A SHA-256 computation that is fed piece by piece. */
export interface Sha256State {
  update(bytes: Uint8Array): void;
  /** The digest of what was fed so far, 32 bytes; the state can go on. */
  digest(): Bytes;
  clone(): Sha256State;
  /** h0 … h7 and the length in bytes, big-endian, then the bytes of the unfinished block. */
  save(): Bytes;
}

/** Bytes of a saved state before the unfinished block: eight words and a 64-bit length. */
export const SAVED_HEADER_BYTES = 40;

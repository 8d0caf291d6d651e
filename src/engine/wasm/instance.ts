import { instantiateCore } from './module/inlined.js';

/** The module's ABI, as `assembly/index.ts` exports it. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  sha256(ptr: number, byteCount: number): void;
  sha1Begin(): void;
  sha1Blocks(ptr: number, blockCount: number): void;
  sha1Finish(ptr: number, byteCount: number, totalBytes: number): void;
  hasherOpen(slot: number): void;
  hashersUpdate(jobCount: number): void;
  hasherDigest(slot: number): void;
  hasherSave(slot: number, out: number): number;
  hasherRestore(slot: number, saved: number): void;
  digestBatch(messageCount: number): void;
  batchHex(messageCount: number, prefixBytes: number): void;
  digestHex(): void;
  digestUuid(): void;
  escapeJson(ptr: number, byteCount: number, out: number): number;
  document(
    prefix: number,
    prefixBytes: number,
    byteCount: number,
    maxDepth: number,
    options: number,
  ): number;
  nextPiece(): number;
  reprintNumber(ptr: number, end: number, out: number): number;
  printDoubles(ptr: number, count: number, out: number): number;
  readonly DIGEST: Address;
  readonly TEXT: Address;
  readonly PREFIX_BYTES: Address;
  readonly INPUT: Address;
  readonly INPUT_BYTES: Address;
  readonly OUTPUT: Address;
  readonly OUTPUT_BYTES: Address;
  readonly PIECE: Address;
  readonly SELECTION: Address;
  readonly SELECTION_BYTES: Address;
  readonly DOCUMENT: Address;
  readonly SLOT_COUNT: Address;
  readonly JOBS: Address;
  readonly ARENA: Address;
  readonly DIGESTS: Address;
  readonly LENGTHS: Address;
  readonly PACKED: Address;
}

interface Address {
  readonly value: number;
}

/** One instance, and the addresses in it read once. */
export interface Wasm {
  readonly call: WasmExports;
  /** The whole linear memory. That of the first instance never grows: no view is ever detached. */
  readonly bytes: Uint8Array;
  readonly at: {
    readonly digest: number;
    readonly text: number;
    readonly prefixBytes: number;
    readonly input: number;
    readonly inputBytes: number;
    readonly output: number;
    readonly slotCount: number;
    readonly piece: number;
    readonly selection: number;
    readonly selectionBytes: number;
    readonly document: number;
    readonly arena: number;
    readonly packed: number;
  };
  /** Another instance, with a memory of its own. */
  another(): Wasm;
}

/**
 * An instance of the module. Throws whatever the platform throws where WebAssembly is missing or
 * forbidden.
 */
export function instantiate(): Wasm {
  const call = instantiateCore() as WasmExports;
  return {
    call,
    bytes: new Uint8Array(call.memory.buffer),
    at: {
      digest: call.DIGEST.value,
      text: call.TEXT.value,
      prefixBytes: call.PREFIX_BYTES.value,
      input: call.INPUT.value,
      inputBytes: call.INPUT_BYTES.value,
      output: call.OUTPUT.value,
      slotCount: call.SLOT_COUNT.value,
      piece: call.PIECE.value,
      selection: call.SELECTION.value,
      selectionBytes: call.SELECTION_BYTES.value,
      // AssemblyScript's own first free byte, of its own alignment.
      document: (call.DOCUMENT.value + 15) & ~15,
      arena: call.ARENA.value,
      packed: call.PACKED.value,
    },
    another: instantiate,
  };
}

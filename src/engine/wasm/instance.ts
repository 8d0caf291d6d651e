import { instantiateCore } from './module/inlined.js';

/** The ABI of the core module, as exported by `assembly/index.ts`. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
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
  escapeUtf16(ptr: number, unitCount: number, out: number): number;
  weave(end: number, holeCount: number, utf8Bytes: number, textUnits: number, out: number): number;
  readonly DIGEST: Address;
  readonly TEXT: Address;
  readonly PREFIX_BYTES: Address;
  readonly INPUT: Address;
  readonly INPUT_BYTES: Address;
  readonly OUTPUT: Address;
  readonly OUTPUT_BYTES: Address;
  readonly PIECE_BYTES: Address;
  readonly STRUCTURE: Address;
  readonly HOLES: Address;
  readonly MAX_HOLES: Address;
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

/** One instance, with its addresses read once. */
export interface Wasm {
  readonly call: WasmExports;
  /** The whole linear memory. It never grows, so no view is ever detached. */
  readonly bytes: Uint8Array;
  readonly at: {
    readonly digest: number;
    readonly text: number;
    readonly prefixBytes: number;
    readonly input: number;
    readonly inputBytes: number;
    readonly output: number;
    readonly pieceBytes: number;
    readonly structure: number;
    readonly holes: number;
    readonly maxHoles: number;
    readonly slotCount: number;
    readonly arena: number;
    readonly packed: number;
  };
}

/** Creates an instance. Throws the error of the platform if WebAssembly is missing or forbidden. */
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
      pieceBytes: call.PIECE_BYTES.value,
      structure: call.STRUCTURE.value,
      holes: call.HOLES.value,
      maxHoles: call.MAX_HOLES.value,
      slotCount: call.SLOT_COUNT.value,
      arena: call.ARENA.value,
      packed: call.PACKED.value,
    },
  };
}

import { WASM_HEX } from './module.generated.js';

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

/** WebAssembly is in no TypeScript library but the DOM's; this is all that is needed of it. */
interface WebAssemblyNamespace {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** Thirty-two bytes at a time: this runs once and so in the interpreter, where each step counts. */
function fromHex(hex: string): Uint8Array {
  const byteCount = hex.length / 2;
  const view = new DataView(new ArrayBuffer(byteCount + 31));
  for (let at = 0; at < byteCount; at += 32) {
    let digits = BigInt(`0x${hex.slice(2 * at, 2 * at + 64).padEnd(64, '0')}`);
    for (let i = 24; i >= 0; i -= 8, digits >>= 64n) view.setBigUint64(at + i, digits);
  }
  return new Uint8Array(view.buffer, 0, byteCount);
}

/**
 * Compiles and instantiates the inlined module, synchronously.
 * Throws whatever the platform throws where WebAssembly is missing or forbidden.
 */
export function instantiate(): Wasm {
  const binary = fromHex(WASM_HEX);
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyNamespace };
  return instanceOf(WebAssembly, new WebAssembly.Module(binary));
}

function instanceOf(WebAssembly: WebAssemblyNamespace, module: object): Wasm {
  const { exports } = new WebAssembly.Instance(module, {});
  const call = exports as WasmExports;
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
    another: () => instanceOf(WebAssembly, module),
  };
}

import { WASM_HEX } from './module.generated.js';

/** The module's ABI, as `assembly/index.ts` exports it. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  sha256(ptr: number, byteCount: number): void;
  sha1Begin(): void;
  sha1Blocks(ptr: number, blockCount: number): void;
  sha1Finish(ptr: number, byteCount: number, totalBytes: number): void;
  hasherOpen(slot: number): void;
  hasherUpdate(slot: number, ptr: number, byteCount: number): void;
  hasherDigest(slot: number): void;
  hasherSave(slot: number, out: number): number;
  hasherRestore(slot: number, saved: number): void;
  digestHex(): void;
  digestUuid(): void;
  escapeJson(ptr: number, byteCount: number, out: number): number;
  reprintNumber(ptr: number, end: number, out: number): number;
  printDoubles(ptr: number, count: number, out: number): number;
  readonly DIGEST: Address;
  readonly TEXT: Address;
  readonly PREFIX_BYTES: Address;
  readonly INPUT: Address;
  readonly INPUT_BYTES: Address;
  readonly OUTPUT: Address;
  readonly OUTPUT_BYTES: Address;
  readonly SLOT_COUNT: Address;
}

interface Address {
  readonly value: number;
}

/** One instance, and the addresses in it read once. */
export interface Wasm {
  readonly call: WasmExports;
  /** The whole linear memory, which never grows: no view is ever detached. */
  readonly bytes: Uint8Array;
  readonly at: {
    readonly digest: number;
    readonly text: number;
    readonly prefixBytes: number;
    readonly input: number;
    readonly inputBytes: number;
    readonly output: number;
    readonly slotCount: number;
  };
}

/** WebAssembly is in no TypeScript library but the DOM's; this is all that is needed of it. */
interface WebAssemblyNamespace {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

/** Four bytes at a time: this runs once and so in the interpreter, where each step counts. */
function fromHex(hex: string): Uint8Array {
  const byteCount = hex.length / 2;
  const view = new DataView(new ArrayBuffer(byteCount + 3));
  for (let at = 0; at < byteCount; at += 4) {
    view.setUint32(at, parseInt(hex.slice(2 * at, 2 * at + 8).padEnd(8, '0'), 16));
  }
  return new Uint8Array(view.buffer, 0, byteCount);
}

/**
 * Compiles and instantiates the inlined module, synchronously: 12 KB take about a millisecond.
 * Throws whatever the platform throws where WebAssembly is missing or forbidden.
 */
export function instantiate(): Wasm {
  const binary = fromHex(WASM_HEX);
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyNamespace };
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), {});
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
    },
  };
}

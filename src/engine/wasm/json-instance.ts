import { instantiateJson } from './module/inlined.js';

/** The ABI of the JSON module, as exported by `assembly/json/index.ts`. */
export interface JsonExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
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
  readonly GATHER: Address;
  readonly PIECE: Address;
  readonly SELECTION: Address;
  readonly SELECTION_BYTES: Address;
  readonly DOCUMENT: Address;
}

interface Address {
  readonly value: number;
}

/** One instance, with its addresses read once. */
export interface JsonWasm {
  readonly call: JsonExports;
  /** The whole linear memory at the start. That of the resident instance never grows. */
  readonly bytes: Uint8Array;
  readonly at: {
    /** Space for numbers, and behind it for their text. */
    readonly numbers: number;
    readonly piece: number;
    readonly selection: number;
    readonly selectionBytes: number;
    readonly document: number;
  };
}

/** Throws the error of the platform if there can be no instance. */
export function createJsonInstance(): JsonWasm {
  const call = instantiateJson() as JsonExports;
  return {
    call,
    bytes: new Uint8Array(call.memory.buffer),
    at: {
      numbers: call.GATHER.value,
      piece: call.PIECE.value,
      selection: call.SELECTION.value,
      selectionBytes: call.SELECTION_BYTES.value,
      // AssemblyScript's first free byte, aligned as AssemblyScript does.
      document: (call.DOCUMENT.value + 15) & ~15,
    },
  };
}

/** A self-test of names, strings and numbers. */
const GIVEN = '{ "b" : [1e21, 0.10, -0], "a" : "\\u0041\\/" }';
const CANONICAL = '{"a":"A/","b":[1e+21,0.1,0]}';

function works({ call, bytes, at }: JsonWasm): boolean {
  for (let i = 0; i < GIVEN.length; i++) bytes[at.document + i] = GIVEN.charCodeAt(i);
  call.document(at.document, 0, GIVEN.length, 2, 0);
  const [start = 0, end = 0] = new Uint32Array(bytes.buffer, at.piece, 2);
  return String.fromCharCode(...bytes.subarray(start, end)) === CANONICAL;
}

let resident: JsonWasm | undefined | null = null;

/** Returns the shared instance, made on first use, or `undefined` if there can be no instance. */
export function residentJson(): JsonWasm | undefined {
  if (resident === null) {
    resident = undefined;
    try {
      const instance = createJsonInstance();
      if (works(instance)) resident = instance;
    } catch {
      // The core module works, but this one was blocked or is not the expected one.
    }
  }
  return resident;
}

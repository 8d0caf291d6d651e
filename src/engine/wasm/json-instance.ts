import { instantiateJson } from './module/inlined.js';

/** The ABI of the JSON module, as `assembly/json/index.ts` exports it. */
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

/** One instance, and the addresses in it read once. */
export interface JsonWasm {
  readonly call: JsonExports;
  /** The whole linear memory as it was at first; that of the resident instance never grows. */
  readonly bytes: Uint8Array;
  readonly at: {
    /** Room for numbers, and behind those for their text. */
    readonly numbers: number;
    readonly piece: number;
    readonly selection: number;
    readonly selectionBytes: number;
    readonly document: number;
  };
}

/** Throws whatever the platform throws where there can be none. */
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
      // AssemblyScript's own first free byte, of its own alignment.
      document: (call.DOCUMENT.value + 15) & ~15,
    },
  };
}

/** What the module must make canonical before it is trusted: names, strings and numbers. */
const GIVEN = '{ "b" : [1e21, 0.10, -0], "a" : "\\u0041\\/" }';
const CANONICAL = '{"a":"A/","b":[1e+21,0.1,0]}';

function works({ call, bytes, at }: JsonWasm): boolean {
  for (let i = 0; i < GIVEN.length; i++) bytes[at.document + i] = GIVEN.charCodeAt(i);
  call.document(at.document, 0, GIVEN.length, 2, 0);
  const [start = 0, end = 0] = new Uint32Array(bytes.buffer, at.piece, 2);
  return String.fromCharCode(...bytes.subarray(start, end)) === CANONICAL;
}

let resident: JsonWasm | undefined | null = null;

/** The instance that all share, made on first use; `undefined` where there can be none. */
export function residentJson(): JsonWasm | undefined {
  if (resident === null) {
    resident = undefined;
    try {
      const instance = createJsonInstance();
      if (works(instance)) resident = instance;
    } catch {
      // The other module works, but this one was not let through, or is not what it should be.
    }
  }
  return resident;
}

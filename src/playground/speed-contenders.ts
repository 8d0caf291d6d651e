import {
  activeEngine,
  type EngineChoice,
  listEngines,
  sha256,
  sha256Batch,
  useEngine,
} from '../index.js';

export type ContenderName = 'lanes' | 'wasm' | 'subtle' | 'js';

/** One way of making SHA-256 digests. */
export interface Contender {
  readonly name: ContenderName;
  readonly label: string;
  /** How many messages one call digests. */
  readonly messageCount: number;
  /** Makes `callCount` calls, one after the other, and gives the digests of the last one. */
  run(inputs: readonly Uint8Array<ArrayBuffer>[], callCount: number): Run | Promise<Run>;
}

export interface Run {
  readonly ms: number;
  readonly digests: readonly Uint8Array[];
}

/** Different messages, taken in turn; as many as there are lanes. */
export const INPUT_COUNT = 4;

/** A synchronous contender, which leaves the engine as it was for the rest of the page. */
function withEngine(
  choice: EngineChoice,
  call: (inputs: readonly Uint8Array[], turn: number) => Uint8Array | readonly Uint8Array[],
): Contender['run'] {
  return (inputs, callCount) => {
    const before = activeEngine().choice;
    useEngine(choice);
    try {
      let last: Uint8Array | readonly Uint8Array[] = [];
      const start = performance.now();
      for (let i = 0; i < callCount; i++) last = call(inputs, i % INPUT_COUNT);
      const ms = performance.now() - start;
      return { ms, digests: last instanceof Uint8Array ? [last] : last };
    } finally {
      useEngine(before);
    }
  };
}

const ALL: readonly Contender[] = [
  {
    name: 'lanes',
    label: 'WASM, four lanes',
    messageCount: INPUT_COUNT,
    run: withEngine('wasm', (inputs) => sha256Batch(inputs)),
  },
  {
    name: 'wasm',
    label: 'WASM',
    messageCount: 1,
    run: withEngine('wasm', (inputs, turn) => sha256(inputs[turn] as Uint8Array)),
  },
  {
    name: 'subtle',
    label: 'crypto.subtle',
    messageCount: 1,
    // Awaited one after the other, as code that wants one key does.
    async run(inputs, callCount) {
      let last = new ArrayBuffer(0);
      const start = performance.now();
      for (let i = 0; i < callCount; i++) {
        last = await crypto.subtle.digest(
          'SHA-256',
          inputs[i % INPUT_COUNT] as Uint8Array<ArrayBuffer>,
        );
      }
      return { ms: performance.now() - start, digests: [new Uint8Array(last)] };
    },
  },
  {
    name: 'js',
    label: 'JavaScript',
    messageCount: 1,
    run: withEngine('js', (inputs, turn) => sha256(inputs[turn] as Uint8Array)),
  },
];

/** Those that work here. */
export function contendersHere(): Contender[] {
  const hasWasm = listEngines().some(({ name }) => name === 'wasm');
  return ALL.filter(({ name }) => {
    if (name === 'subtle') return globalThis.crypto?.subtle !== undefined;
    return name === 'js' || hasWasm;
  });
}

/** What is missing, in sentences. */
export function missingHere(): string[] {
  const wasm = listEngines().find(({ name }) => name === 'wasm');
  const notes: string[] = [];
  if (wasm === undefined) {
    notes.push(
      'WebAssembly is blocked here, as a Content-Security-Policy without “wasm-unsafe-eval” does it. The plain JavaScript engine gives the same keys.',
    );
  } else notes.push(`WebAssembly works here, with${wasm.simd ? '' : 'out'} SIMD.`);
  if (globalThis.crypto?.subtle === undefined) {
    notes.push(
      `crypto.subtle is missing: browsers give it to secure origins only (https, localhost), and this page came from ${location.origin}.`,
    );
  }
  return notes;
}

import {
  activeEngine,
  type EngineChoice,
  listEngines,
  sha256,
  sha256Batch,
  useEngine,
} from '../index.js';

export type ContenderName = 'lanes' | 'wasm' | 'subtle' | 'js';

/** An implementation of SHA-256. */
export interface Contender {
  readonly name: ContenderName;
  readonly label: string;
  /** How many messages one call digests. */
  readonly messageCount: number;
  /** Makes `callCount` calls one after the other, and returns the digests of the last one. */
  run(inputs: readonly Uint8Array<ArrayBuffer>[], callCount: number): Run | Promise<Run>;
}

export interface Run {
  readonly ms: number;
  readonly digests: readonly Uint8Array[];
}

/** The number of different messages, used in turn. It equals the number of lanes. */
export const INPUT_COUNT = 4;

/** A synchronous contender. It restores the engine, which the rest of the page uses. */
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
    // Each call is awaited, as in code that derives one key.
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

/** Returns the contenders that this browser supports. */
export function supportedContenders(): Contender[] {
  const hasWasm = listEngines().some(({ name }) => name === 'wasm');
  return ALL.filter(({ name }) => {
    if (name === 'subtle') return globalThis.crypto?.subtle !== undefined;
    return name === 'js' || hasWasm;
  });
}

/** Describes what this browser supports. */
export function supportNotes(): string[] {
  const wasm = listEngines().find(({ name }) => name === 'wasm');
  const notes: string[] = [];
  if (wasm === undefined) {
    notes.push(
      'WebAssembly is blocked here, for example by a Content-Security-Policy without “wasm-unsafe-eval”. The JavaScript engine derives the same keys.',
    );
  } else notes.push(`WebAssembly works here, with${wasm.simd ? '' : 'out'} SIMD.`);
  if (globalThis.crypto?.subtle === undefined) {
    notes.push(
      `crypto.subtle is missing: browsers provide it on secure origins only (https, localhost), and the origin of this page is ${location.origin}.`,
    );
  }
  return notes;
}

import type { EngineChoice, IdentityOptions } from '../index.js';

/**
 * Texts in one block of bytes with a buffer of its own, which can move to another thread without a
 * copy.
 */
export interface Batch {
  // `Uint8Array<ArrayBuffer>`, which TypeScript before 5.7 cannot express.
  readonly bytes: ReturnType<typeof Uint8Array.of>;
  /** The end of each text. Without it each line is a text. */
  readonly ends?: ReturnType<typeof Uint32Array.of>;
  /** One line that was too long: there are no bytes, only the fault to report. */
  readonly isTooLong?: true;
}

/** The settings of one call, sent to the threads with each batch. */
export interface Work {
  /** Without functions, which cannot be sent to a thread. */
  readonly identity: IdentityOptions | undefined;
  /** When the call began. It selects the time window of all its keys, in every thread. */
  readonly nowMs: number;
  /** The engine in use in the calling thread. */
  readonly engine: EngineChoice;
  readonly maxLineBytes: number;
  /** Whether to continue after a text without a key. */
  readonly continueOnFault: boolean;
}

/** Why a text has no key: an error as plain data, because classes are lost between threads. */
export interface Fault {
  /** Index of the text in its batch, from 0. */
  readonly item: number;
  readonly name: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The keys of a batch. */
export interface KeyBlock {
  /** ASCII: each key followed by a line feed. A text without a key has only the line feed. */
  readonly keys: Uint8Array;
  readonly itemCount: number;
  readonly faults: readonly Fault[];
}

import type { EngineChoice, IdentityOptions } from '../index.js';

/**
 * Texts in one block of bytes that belongs to nobody else, so that it can be given to another
 * thread without a copy.
 */
export interface Batch {
  // `Uint8Array<ArrayBuffer>`, for which TypeScript before 5.7 has no other name.
  readonly bytes: ReturnType<typeof Uint8Array.of>;
  /** Where each text ends. Without it each line is one. */
  readonly ends?: ReturnType<typeof Uint32Array.of>;
  /** One line that was too long to be held: there are no bytes, only the fault to report. */
  readonly isTooLong?: true;
}

/** What all batches of one call have in common; it crosses threads with each of them. */
export interface Work {
  /** Without functions, which cannot be sent. */
  readonly identity: IdentityOptions | undefined;
  /** When the call began: the time window of all its keys, in whatever thread they are made. */
  readonly nowMs: number;
  /** The engine in use in the thread that asks. */
  readonly engine: EngineChoice;
  readonly maxLineBytes: number;
  /** Whether what comes after a text without a key is still wanted. */
  readonly goesOn: boolean;
}

/** Why one text has no key: an error without its class, which would not survive the way back. */
export interface Fault {
  /** From 0 in its batch. */
  readonly item: number;
  readonly name: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The keys of a batch. */
export interface KeyBlock {
  /** ASCII: each key and a line feed; for a text without a key the line feed only. */
  readonly keys: Uint8Array;
  readonly itemCount: number;
  readonly faults: readonly Fault[];
}

import { canonicalizerWasm } from '../engine/select.js';
import type { Wasm } from '../engine/wasm/instance.js';
import { createTextBuffer, type TextBuffer } from './text-buffer.js';
import { CanonicalWriter, type ChunkSink, type WriteOptions } from './writer.js';

/** Where canonical bytes go: all at once if they fit into one chunk, else piece by piece. */
export interface CanonicalSink<T> extends ChunkSink {
  /** Takes what is left, `bytes[start, end)`, and returns the result of the whole. */
  last(bytes: Uint8Array, start: number, end: number): T;
}

/** A writer and the buffer it writes into. */
interface Desk {
  readonly wasm: Wasm | undefined;
  readonly buffer: TextBuffer;
  readonly writer: CanonicalWriter;
}

let shared: Desk | undefined;
let isBusy = false;

function createDesk(wasm: Wasm | undefined): Desk {
  const buffer = createTextBuffer(wasm);
  return { wasm, buffer, writer: new CanonicalWriter(buffer) };
}

/** A prefix up to this size is digested in one call with what follows. */
const SHORT_PREFIX_BYTES = 4096;

function writeAt<T>(
  { buffer, writer }: Desk,
  value: unknown,
  options: WriteOptions,
  sink: CanonicalSink<T>,
  prefix: Uint8Array | undefined,
): T {
  const { bytes, start } = buffer;
  let position = start;
  if (prefix !== undefined) {
    if (prefix.length <= SHORT_PREFIX_BYTES) {
      bytes.set(prefix, start);
      position += prefix.length;
    } else {
      sink.chunk(prefix, 0, prefix.length);
    }
  }
  return sink.last(bytes, start, writer.write(value, position, options, sink));
}

/**
 * Writes `prefix` and then `value` as canonical JSON into `sink`. All calls share one buffer, but
 * for nested ones (a `toJSON` that makes a key of its own): those get another.
 */
export function writeCanonical<T>(
  value: unknown,
  options: WriteOptions,
  sink: CanonicalSink<T>,
  prefix?: Uint8Array,
): T {
  if (isBusy) return writeAt(createDesk(undefined), value, options, sink, prefix);
  const wasm = canonicalizerWasm();
  if (shared === undefined || shared.wasm !== wasm) shared = createDesk(wasm);
  isBusy = true;
  try {
    return writeAt(shared, value, options, sink, prefix);
  } finally {
    isBusy = false;
    shared.writer.forget();
  }
}

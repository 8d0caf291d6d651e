import { canonicalizerWasm } from '../engine/select.js';
import type { Wasm } from '../engine/wasm/instance.js';
import { createTextBuffer, type TextBuffer } from './text-buffer.js';
import { CanonicalWriter, type ChunkSink, type WriteOptions } from './writer.js';

/** Receives canonical bytes: all at once if they fit into one chunk, otherwise piece by piece. */
export interface CanonicalSink<T> extends ChunkSink {
  /** Receives the rest, `bytes[start, end)`, and returns the overall result. */
  last(bytes: Uint8Array, start: number, end: number): T;
}

/** A writer and its buffer. */
interface ReusableWriter {
  readonly wasm: Wasm | undefined;
  readonly buffer: TextBuffer;
  readonly writer: CanonicalWriter;
}

/**
 * The reusable writers, by nesting level of `writeCanonical`. The second is for nested calls: the
 * digest of a `refs` value, or a `toJSON` that makes a key. Deeper calls create their own.
 */
const writers: (ReusableWriter | undefined)[] = [undefined, undefined];
let level = 0;

function createWriter(wasm: Wasm | undefined): ReusableWriter {
  const buffer = createTextBuffer(wasm);
  return { wasm, buffer, writer: new CanonicalWriter(buffer) };
}

/** A prefix up to this size is digested in one call with the value. */
const SHORT_PREFIX_BYTES = 4096;

function writeWith<T>(
  { buffer, writer }: ReusableWriter,
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

/** Returns the writer for a nesting level. The first is in WASM memory, if there is any. */
function writerAt(at: number): ReusableWriter {
  const wasm = at === 0 ? canonicalizerWasm() : undefined;
  const existing = writers[at];
  if (existing !== undefined && existing.wasm === wasm) return existing;
  const created = createWriter(wasm);
  if (at < writers.length) writers[at] = created;
  return created;
}

/** Writes `prefix` and then `value` as canonical JSON into `sink`. */
export function writeCanonical<T>(
  value: unknown,
  options: WriteOptions,
  sink: CanonicalSink<T>,
  prefix?: Uint8Array,
): T {
  const reusable = writerAt(level);
  level++;
  try {
    return writeWith(reusable, value, options, sink, prefix);
  } finally {
    level--;
    reusable.writer.release();
  }
}

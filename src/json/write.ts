import { canonicalizerWasm } from '../engine/select.js';
import type { Wasm } from '../engine/wasm/instance.js';
import { type CanonicalSink, createTextBuffer, type TextBuffer } from './text-buffer.js';
import { type CanonicalWriter, createWriter, type WriteOptions } from './writer.js';

export type { CanonicalSink } from './text-buffer.js';

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

function createReusable(wasm: Wasm | undefined): ReusableWriter {
  const buffer = createTextBuffer(wasm);
  return { wasm, buffer, writer: createWriter(buffer) };
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
  return buffer.finish(writer.write(value, position, options, sink), sink);
}

/** Returns the writer for a nesting level. The first is in WASM memory, if there is any. */
function writerAt(at: number): ReusableWriter {
  const wasm = at === 0 ? canonicalizerWasm() : undefined;
  const existing = writers[at];
  if (existing !== undefined && existing.wasm === wasm) return existing;
  const created = createReusable(wasm);
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
    reusable.buffer.reset();
  }
}

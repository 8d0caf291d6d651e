import { canonicalizerWasm } from '../engine/select.js';
import type { Wasm } from '../engine/wasm/instance.js';
import {
  type CanonicalSink,
  createMemory,
  createTextBuffer,
  type TextBuffer,
} from './text-buffer.js';
import { type CanonicalWriter, createWriter, type WriteOptions } from './writer.js';

export type { CanonicalSink } from './text-buffer.js';

/** A writer, its memory, and where it empties that. */
interface ReusableWriter {
  readonly memory: Uint8Array;
  readonly writer: CanonicalWriter;
  readonly wasm: Wasm | undefined;
  readonly buffer: TextBuffer;
}

/**
 * The reusable writers, by nesting level of `writeCanonical`. The second is for nested calls: the
 * digest of a `refs` value, or a `toJSON` that makes a key. Deeper calls create their own.
 */
const writers: (ReusableWriter | undefined)[] = [undefined, undefined];
let level = 0;

/** A prefix up to this size is digested in one call with the value. */
const SHORT_PREFIX_BYTES = 4096;

function writeWith<T>(
  { memory, writer, buffer }: ReusableWriter,
  value: unknown,
  options: WriteOptions,
  sink: CanonicalSink<T>,
  prefix: Uint8Array | undefined,
): T {
  let position = 0;
  if (prefix !== undefined) {
    if (prefix.length <= SHORT_PREFIX_BYTES) {
      memory.set(prefix);
      position = prefix.length;
    } else {
      sink.chunk(prefix, 0, prefix.length);
    }
  }
  return buffer.finish(writer.write(value, position, options, buffer, sink), sink);
}

/** Returns the writer for a nesting level. The first uses WASM, if there is any. */
function writerAt(at: number): ReusableWriter {
  const wasm = at === 0 ? canonicalizerWasm() : undefined;
  let reusable = writers[at];
  if (reusable === undefined || reusable.wasm !== wasm) {
    const memory = reusable?.memory ?? createMemory();
    const writer = reusable?.writer ?? createWriter(memory);
    reusable = { memory, writer, wasm, buffer: createTextBuffer(wasm, memory) };
    if (at < writers.length) writers[at] = reusable;
  }
  return reusable;
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

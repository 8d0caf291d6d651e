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

/**
 * The desks that are kept. The second is for calls within a call: the digest of a `refs` value, a
 * `toJSON` that makes a key of its own. Calls within those get one for themselves.
 */
const desks: (Desk | undefined)[] = [undefined, undefined];
let level = 0;

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

/** The desk for the current level; the first is in WASM memory, where there is any. */
function deskAt(at: number): Desk {
  const wasm = at === 0 ? canonicalizerWasm() : undefined;
  const kept = desks[at];
  if (kept !== undefined && kept.wasm === wasm) return kept;
  const desk = createDesk(wasm);
  if (at < desks.length) desks[at] = desk;
  return desk;
}

/** Writes `prefix` and then `value` as canonical JSON into `sink`. */
export function writeCanonical<T>(
  value: unknown,
  options: WriteOptions,
  sink: CanonicalSink<T>,
  prefix?: Uint8Array,
): T {
  const desk = deskAt(level);
  level++;
  try {
    return writeAt(desk, value, options, sink, prefix);
  } finally {
    level--;
    desk.writer.forget();
  }
}

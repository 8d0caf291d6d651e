import { fail, nameOf } from '../errors/errors.js';
import type { Selection } from './selection.js';
import { withTextBuffer } from './text-buffer.js';
import { CanonicalWriter, DEFAULT_MAX_DEPTH, LARGEST_MAX_DEPTH, type Trace } from './writer.js';

export interface CanonicalizeOptions {
  /** Nested arrays and objects allowed, 1 to 5000; 1000 unless given. */
  readonly maxDepth?: number;
}

/** How one value is written: what is left out of it, and who is told. */
export interface WriteOptions {
  readonly maxDepth: number;
  readonly selection?: Selection | undefined;
  readonly trace?: Trace | undefined;
}

/** Where canonical bytes go: all at once if they fit into one chunk, else piece by piece. */
export interface CanonicalSink<T> {
  /** Bytes to put before the canonical ones. */
  readonly prefix?: Uint8Array | undefined;
  /** A full chunk, `bytes[start, end)`, valid during the call. */
  chunk(bytes: Uint8Array, start: number, end: number): void;
  /** The last chunk, and whether it is the only one. Its result is the result of the whole. */
  last(bytes: Uint8Array, start: number, end: number, isOnly: boolean): T;
}

/** A prefix up to this size is digested in one call with what follows. */
const SHORT_PREFIX_BYTES = 4096;

/** Writes `value` as canonical JSON into `sink`. */
export function writeCanonical<T>(
  value: unknown,
  options: WriteOptions,
  sink: CanonicalSink<T>,
): T {
  return withTextBuffer((buffer) => {
    const { bytes, start } = buffer;
    let isOnly = true;
    const empty = (end: number) => {
      isOnly = false;
      sink.chunk(bytes, start, end);
    };
    let position = start;
    const { prefix } = sink;
    if (prefix !== undefined) {
      if (prefix.length <= SHORT_PREFIX_BYTES) {
        bytes.set(prefix, start);
        position += prefix.length;
      } else {
        isOnly = false;
        sink.chunk(prefix, 0, prefix.length);
      }
    }
    const writer = new CanonicalWriter(buffer, empty, options.maxDepth, options.trace);
    const end = writer.write(value, position, options.selection);
    return sink.last(bytes, start, end, isOnly);
  });
}

/** Checks `maxDepth`. */
export function toMaxDepth(maxDepth: unknown): number {
  if (maxDepth === undefined) return DEFAULT_MAX_DEPTH;
  if (typeof maxDepth !== 'number') {
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use maxDepth: it is ${nameOf(maxDepth)}, not a number`,
    );
  }
  if (!Number.isInteger(maxDepth) || maxDepth < 1 || maxDepth > LARGEST_MAX_DEPTH) {
    fail(
      RangeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use maxDepth ${maxDepth}: it is no whole number from 1 to ${LARGEST_MAX_DEPTH}`,
    );
  }
  return maxDepth;
}

// A chunk may begin with U+FEFF, which is data here and not a byte order mark.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** `value`, as far as `options` select it, as canonical text. */
export function canonicalText(value: unknown, options: WriteOptions): string {
  let text = '';
  return writeCanonical(value, options, {
    chunk(bytes, start, end) {
      text += decoder.decode(bytes.subarray(start, end));
    },
    last: (bytes, start, end) => text + decoder.decode(bytes.subarray(start, end)),
  });
}

/**
 * Returns the value's canonical JSON (RFC 8785) as text: members sorted by UTF-16 code units, no
 * white space, numbers and escapes as ECMAScript prints them. As with `JSON.stringify`, `toJSON` is
 * called and members that are `undefined` are left out.
 *
 * @throws {TypeError} `SAMEKEY_NOT_JSON` for `undefined` (but for a member), functions, symbols,
 * `BigInt`, `Map`, `Set`, typed arrays and other objects whose content is not in members;
 * `SAMEKEY_LONE_SURROGATE`; `SAMEKEY_CYCLE`.
 * @throws {RangeError} `SAMEKEY_NOT_FINITE` for `NaN` and infinities; `SAMEKEY_TOO_DEEP` beyond
 * `maxDepth`. All of them carry the JSON Pointer of the offender as `path`.
 * @example
 * canonicalize({ b: [1e21, -0], a: 'é\n' }); // '{"a":"é\\n","b":[1e+21,0]}'
 */
export function canonicalize(value: unknown, options?: CanonicalizeOptions): string {
  return canonicalText(value, { maxDepth: toMaxDepth(options?.maxDepth) });
}

/**
 * Returns the value's canonical JSON (RFC 8785) as UTF-8 bytes. Errors as `canonicalize`.
 *
 * @example
 * canonicalBytes({ a: 1 }); // Uint8Array [123, 34, 97, 34, 58, 49, 125]
 */
export function canonicalBytes(value: unknown, options?: CanonicalizeOptions): Uint8Array {
  const chunks: Uint8Array[] = [];
  const keep = (bytes: Uint8Array, start: number, end: number) => {
    chunks.push(bytes.slice(start, end));
  };
  return writeCanonical(
    value,
    { maxDepth: toMaxDepth(options?.maxDepth) },
    {
      chunk: keep,
      last(bytes, start, end) {
        keep(bytes, start, end);
        return joined(chunks);
      },
    },
  );
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0] as Uint8Array;
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

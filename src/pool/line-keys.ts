import { fail, nameOf, quote, requireMembers, type SamekeyError } from '../errors/errors.js';
import type { IdentityLike, Key } from '../index.js';
import { toLineError } from './fault.js';
import type { LineBlock } from './key-blocks.js';
import { DEFAULT_MAX_LINE_BYTES, toCount } from './work.js';

export interface JsonLinesOptions {
  readonly identity?: IdentityLike;
  /** What a line without a key is: an error that ends the reading, unless given, or a result. */
  readonly onInvalid?: 'throw' | 'report';
  /** Longest line, in bytes; 512 MiB unless given. A longer one is not held and has no key. */
  readonly maxLineBytes?: number;
}

/**
 * The key of a line or, with `onInvalid: 'report'`, its error. `line` is the line number, from 1.
 */
export type LineKey =
  | { readonly line: number; readonly key: Key; readonly error?: undefined }
  | { readonly line: number; readonly key?: undefined; readonly error: SamekeyError };

/** A buffer holds at most 4 GiB; this limit is reached first. */
const LARGEST_MAX_LINE_BYTES = 2 ** 31;

export function toLimits(options: JsonLinesOptions): {
  continueOnFault: boolean;
  maxLineBytes: number;
} {
  requireMembers(options, ['identity', 'onInvalid', 'maxLineBytes'], 'options');
  const { onInvalid = 'throw', maxLineBytes = DEFAULT_MAX_LINE_BYTES } = options;
  if (onInvalid !== 'throw' && onInvalid !== 'report') {
    const isText = typeof onInvalid === 'string';
    fail(
      isText ? RangeError : TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use onInvalid: it is ${isText ? quote(onInvalid) : nameOf(onInvalid)}, wanted "throw" or "report"`,
    );
  }
  return {
    continueOnFault: onInvalid === 'report',
    maxLineBytes: toCount(maxLineBytes, 'maxLineBytes', LARGEST_MAX_LINE_BYTES),
  };
}

/** Yields the keys in blocks of lines one by one. Calls `stopReading` when the caller stops. */
export async function* lineKeys(
  blocks: AsyncIterable<LineBlock>,
  continueOnFault: boolean,
  stopReading: () => void,
): AsyncGenerator<LineKey, void, undefined> {
  try {
    for await (const { firstLine, keys, faults } of blocks) {
      let line = firstLine;
      let nextFault = 0;
      for (const key of keysIn(keys)) {
        const fault = faults[nextFault];
        if (fault !== undefined && firstLine + fault.item === line) {
          nextFault++;
          yield { line, error: toLineError(fault, line) };
        } else if (key !== '') {
          yield { line, key: key as Key };
        }
        line++;
      }
      const [fault] = faults;
      if (!continueOnFault && fault !== undefined) throw toLineError(fault, firstLine + fault.item);
    }
  } finally {
    stopReading();
  }
}

/** Yields the keys in a block, and `''` for a text without a key. */
export function* keysIn(keys: Uint8Array): Generator<string> {
  const text = Buffer.from(keys.buffer, keys.byteOffset, keys.length);
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    // A new text: a slice of a long text would keep all of it in memory.
    yield text.toString('latin1', start, end);
    start = end + 1;
  }
}

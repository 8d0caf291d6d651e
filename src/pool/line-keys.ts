import type { SamekeyError } from '../errors/errors.js';
import type { Key } from '../index.js';
import { toLineError } from './fault.js';
import type { LineBlock } from './key-blocks.js';

/** The key of a line or, with `onInvalid: 'report'`, its error. */
export type LineKey = {
  /** The number of the line, from 1. */
  readonly line: number;
} & (
  | {
      /** The key of the line. */
      readonly key: Key;
      /** Not set: the line has a key. */
      readonly error?: undefined;
    }
  | {
      /** Not set: the line has an error. */
      readonly key?: undefined;
      /** Why the line has no key. */
      readonly error: SamekeyError;
    }
);

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

import type { SamekeyError } from '../errors/errors.js';
import type { Key } from '../index.js';
import { toLineError } from './fault.js';
import type { LineBlock } from './key-blocks.js';

/** What a line has: its key, or with `onInvalid: 'report'` an error. `line` is its number, from 1. */
export type LineKey =
  | { readonly line: number; readonly key: Key; readonly error?: undefined }
  | { readonly line: number; readonly key?: undefined; readonly error: SamekeyError };

/** The keys in blocks of lines, one by one. `stopReading` is called when no more are wanted. */
export async function* lineKeys(
  blocks: AsyncIterable<LineBlock>,
  goesOn: boolean,
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
      if (!goesOn && fault !== undefined) throw toLineError(fault, firstLine + fault.item);
    }
  } finally {
    stopReading();
  }
}

/** The keys in a block; nothing for a text that has none. */
export function* keysIn(keys: Uint8Array): Generator<string> {
  const text = Buffer.from(keys.buffer, keys.byteOffset, keys.length);
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    // Not a part of one long text, which would stay in memory as long as one of its keys does.
    yield text.toString('latin1', start, end);
    start = end + 1;
  }
}

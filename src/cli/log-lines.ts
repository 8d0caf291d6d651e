/** The lines of a log as text, one by one. */
import { isUtf8 } from 'node:buffer';
import { lineBatches } from '../pool/line-batches.js';
import { valuesFit } from './input.js';
import type { Fault } from './log-call.js';

/** A line's text, or why it has none that can be read. */
export type LogLine = string | Fault;

/** The largest body that an LLM provider takes, 32 MB, twice. */
export const MAX_LINE_BYTES = 1 << 26;
/** Values of shorter lines fit wherever Node.js runs. */
const SMALL_BYTES = 1 << 20;

/** Blocks of lines, so that waiting for the next one is not waited for at every line. */
export async function* logLines(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Iterable<LogLine>, void, undefined> {
  for await (const { bytes, isTooLong } of lineBatches(pieces, MAX_LINE_BYTES)) {
    yield isTooLong
      ? [{ kind: 'tooLarge' }]
      : linesIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }
}

function* linesIn(block: Buffer): Generator<LogLine> {
  const isText = isUtf8(block);
  for (let start = 0; start < block.length; ) {
    const lineFeed = block.indexOf('\n', start);
    const end = lineFeed === -1 ? block.length : lineFeed;
    const line = block.subarray(start, end);
    if (!isText && !isUtf8(line)) yield { kind: 'notObject' };
    else if (line.length > SMALL_BYTES && !valuesFit(line, 1)) yield { kind: 'tooLarge' };
    else yield block.toString('utf8', start, end);
    start = end + 1;
  }
}

/** Reads the lines of a log as text. */
import { isUtf8 } from 'node:buffer';
import { lineBatches } from '../pool/line-batches.js';
import { valuesFit } from './input.js';
import type { Fault } from './log-call.js';

/** The text of a line, or the reason why it cannot be read. */
export type LogLine = string | LineFault;

export interface LineFault extends Fault {
  /** The beginning of the line, as far as it can be read. */
  readonly start?: string;
}

const START_BYTES = 4096;

/** Twice the largest body that an LLM provider accepts, 32 MB. */
export const MAX_LINE_BYTES = 1 << 26;
/** The values of a shorter line always fit into memory. */
const SMALL_BYTES = 1 << 20;

/** Yields blocks of lines, which saves an `await` for each line. */
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
    const fault = (kind: Fault['kind']) => ({
      kind,
      start: line.toString('latin1', 0, START_BYTES),
    });
    if (!isText && !isUtf8(line)) yield fault('notObject');
    else if (line.length > SMALL_BYTES && !valuesFit(line, 1)) yield fault('tooLarge');
    else yield block.toString('utf8', start, end);
    start = end + 1;
  }
}

import { defineIdentity, type IdentityLike, type Key, keyOfJson } from '../index.js';
import type { Batch, KeyBlock, Work } from './batch.js';
import { lineTooLong, toFault } from './fault.js';

const LINE_FEED = 0x0a;

/** The keys of a batch's texts, one after the other, in the thread that asks. */
export function keysOfBatch({ bytes, ends, isTooLong }: Batch, work: Work): KeyBlock {
  if (isTooLong) return { keys: Buffer.from('\n'), itemCount: 1, faults: [lineTooLong(0, work)] };
  const identity = withFixedWindow(work);
  const keys: (Key | '')[] = [];
  const faults: KeyBlock['faults'][number][] = [];
  for (const text of ends === undefined ? linesIn(bytes) : textsIn(bytes, ends)) {
    const item = keys.length;
    if (ends === undefined && text.length > work.maxLineBytes) {
      faults.push(lineTooLong(item, work));
    } else if (ends !== undefined || !isBlank(text)) {
      try {
        keys.push(keyOfJson(text, identity));
        continue;
      } catch (error) {
        faults.push(toFault(item, error));
      }
    }
    if (faults.length > 0 && !work.goesOn) break;
    keys.push('');
  }
  const itemCount = keys.length;
  keys.push('');
  return { keys: Buffer.from(keys.join('\n'), 'latin1'), itemCount, faults };
}

/** The identity, compiled once for all lines, in which it is the same time for all threads. */
function withFixedWindow({ identity, nowMs }: Work): IdentityLike | undefined {
  if (identity === undefined) return undefined;
  if (identity.window === undefined) return defineIdentity(identity);
  return defineIdentity({ ...identity, window: { ...identity.window, clock: () => nowMs } });
}

function* textsIn(bytes: Uint8Array, ends: Uint32Array): Generator<Uint8Array> {
  let start = 0;
  for (const end of ends) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

/** The lines without their line feeds; what comes after the last line feed is a line, too. */
function* linesIn(bytes: Uint8Array): Generator<Uint8Array> {
  // A `Buffer` is searched sixteen bytes at a time, a Uint8Array one by one, which took a seventh of
  // a thread's time.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let start = 0;
  while (start < bytes.length) {
    const lineFeed = buffer.indexOf(LINE_FEED, start);
    const end = lineFeed === -1 ? bytes.length : lineFeed;
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

/** RFC 8259 §2: space, tab and carriage return. A line of these has no request in it. */
function isBlank(line: Uint8Array): boolean {
  return line.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

import { fail } from '../../errors/errors.js';
import { fromOneLine } from '../one-line.js';
import { isRecord } from '../record-check.js';
import type { StoreRecord } from '../store.js';

/** The beginning of the names of keys and channels if the program gives none. */
export const DEFAULT_PREFIX = 'samekey:';

/**
 * A record as the value of a Redis string: ten lines, then the unchanged payload. People can read
 * it, and a hash would take ten times the overhead for a payload of more than 64 bytes.
 *
 *     state ⏎ owner ⏎ fencingToken ⏎ attempt ⏎ fingerprint ⏎
 *     claimedAtMs ⏎ leaseEndsAtMs ⏎ expiresAtMs ⏎ finishedAtMs ⏎ codec ⏎ payload
 *
 * The state of a running record becomes `awaited` when it has refused a claim: a caller may wait. A
 * running record has its former ones in place of the payload: the ten lines of the running record
 * that it took over, if any, and then the whole finished record, if any. The scripts never return
 * them.
 *
 * An empty line stands for `undefined`; `toFilledLine` never returns an empty line for a text.
 */
const LINE_COUNT = 10;
const NEWLINE = 10;

const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });

export function toRecord(value: Uint8Array): StoreRecord {
  let end = -1;
  for (let line = 0; line < LINE_COUNT; line++) {
    end = value.indexOf(NEWLINE, end + 1);
    if (end < 0) refuse();
  }
  const [
    word,
    owner,
    fencingToken,
    attempt,
    fingerprint,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs,
    finishedAtMs,
    codec,
  ] = decoder.decode(value.subarray(0, end)).split('\n') as [
    StoreRecord['state'] | 'awaited',
    ...string[],
  ];
  const state = word === 'awaited' ? 'running' : word;
  const isRunning = state === 'running';
  const record: StoreRecord = {
    state,
    owner: fromLine(owner) ?? '',
    fencingToken: numberIn(fencingToken),
    attempt: numberIn(attempt),
    fingerprint: fromLine(fingerprint),
    claimedAtMs: numberIn(claimedAtMs),
    leaseEndsAtMs: numberIn(leaseEndsAtMs),
    expiresAtMs: numberIn(expiresAtMs),
    finishedAtMs: isRunning ? undefined : numberIn(finishedAtMs),
    codec: fromLine(codec),
    // A copy, because the client's buffer may be a slice of a much larger one.
    payload: isRunning ? undefined : new Uint8Array(value.subarray(end + 1)),
  };
  return isRecord(record) ? record : refuse();
}

/** `Number` reads an empty line as 0. */
const numberIn = (line: string | undefined) => (line === '' ? Number.NaN : Number(line));

function refuse(): never {
  fail(
    SyntaxError,
    'SAMEKEY_BAD_STATE',
    'Cannot read the value in Redis: it is no record, wanted a prefix that nobody else uses',
  );
}

/** A fencing token until the year 2286: microseconds since 1970. */
const TOKEN_DIGITS = 16;
const MS_DIGITS = 13;

/**
 * Returns how many characters the lines of the finished record of a first attempt have before its
 * payload. The caller guesses `fingerprintLength`.
 */
export function lengthOfLines(
  state: string,
  owner: string,
  fingerprintLength: number,
  codec: string,
): number {
  const numbers = TOKEN_DIGITS + '1'.length + 4 * MS_DIGITS;
  return state.length + owner.length + numbers + fingerprintLength + codec.length + LINE_COUNT;
}

function fromLine(line: string | undefined): string | undefined {
  return line === undefined || line === '' ? undefined : fromOneLine(line);
}

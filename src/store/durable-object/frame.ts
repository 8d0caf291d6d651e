import { fail } from '../../errors/errors.js';
import { isRecord } from '../record-check.js';
import type { StoreRecord } from '../store.js';
import type { StoredRecord } from '../transition.js';
import { formerOf } from '../transition.js';

/**
 * The body of each request and answer: the length of the head in 4 bytes, little-endian, the head as
 * JSON, and payloads as they are. JSON keeps every text, also a lone surrogate, which SQLite and
 * UTF-8 cannot hold.
 */
const LENGTH_BYTES = 4;
/** Tells the object's answers from those of another class. */
export const CONTENT_TYPE = 'application/x-samekey';

const encoder = /* @__PURE__ */ new TextEncoder();
const decoder = /* @__PURE__ */ new TextDecoder();

/** Returns the head and the payloads as one body. */
export function toFrame(
  head: unknown,
  payloads: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(JSON.stringify(head));
  let byteCount = LENGTH_BYTES + text.length;
  for (const { length } of payloads) byteCount += length;
  const frame = new Uint8Array(byteCount);
  new DataView(frame.buffer).setUint32(0, text.length, true);
  frame.set(text, LENGTH_BYTES);
  let at = LENGTH_BYTES + text.length;
  for (const payload of payloads) {
    frame.set(payload, at);
    at += payload.length;
  }
  return frame;
}

/**
 * Returns the head, which is a list, and the bytes behind it.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_STATE` for a body that `toFrame` did not make.
 */
export function fromFrame(frame: ArrayBuffer): {
  head: readonly unknown[];
  payload: Uint8Array<ArrayBuffer>;
} {
  try {
    const end = LENGTH_BYTES + new DataView(frame).getUint32(0, true);
    const text = decoder.decode(new Uint8Array(frame, LENGTH_BYTES, end - LENGTH_BYTES));
    const head: unknown = JSON.parse(text);
    if (Array.isArray(head)) return { head, payload: new Uint8Array(frame, end) };
  } catch {
    // Reported below.
  }
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_STATE',
    `Cannot read a body of ${frame.byteLength} bytes: it does not begin with a list, wanted one of the same version of samekey`,
  );
}

/** The version of the rows and of the frames. */
export const VERSION = 1;

/**
 * A record as JSON, without the payload. Of a record and its former ones at most one is finished: the
 * column `payload` has the result of that record.
 */
export type RecordHead = readonly [
  version: typeof VERSION,
  state: StoreRecord['state'],
  owner: string,
  fencingToken: number,
  attempt: number,
  claimedAtMs: number,
  leaseEndsAtMs: number,
  expiresAtMs: number,
  fingerprint?: string | null,
  finishedAtMs?: number | null,
  codec?: string | null,
  former?: RecordHead | null,
];

export function toHead(record: StoredRecord): RecordHead {
  const { state, owner, fencingToken, attempt, claimedAtMs, leaseEndsAtMs, expiresAtMs } = record;
  const { fingerprint, finishedAtMs, codec } = record;
  const former = formerOf(record);
  const head = [
    VERSION,
    state,
    owner,
    fencingToken,
    attempt,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs,
    fingerprint ?? null,
    finishedAtMs ?? null,
    codec ?? null,
  ] as const;
  return former === undefined ? head : [...head, toHead(former)];
}

/**
 * Returns the record of a head.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_STATE` for anything else, such as a row of another version.
 */
export function fromHead(head: unknown, payload?: Uint8Array): StoredRecord {
  const [version, state, owner, ...rest] = (Array.isArray(head)
    ? head
    : []) as unknown as RecordHead;
  if (version !== VERSION) refuse(version);
  const [fencingToken, attempt, claimedAtMs, leaseEndsAtMs, expiresAtMs, ...more] = rest;
  const [fingerprint, finishedAtMs, codec, former] = more;
  const record: StoreRecord = {
    state,
    owner,
    fencingToken,
    attempt,
    fingerprint: fingerprint ?? undefined,
    claimedAtMs,
    leaseEndsAtMs,
    expiresAtMs,
    finishedAtMs: finishedAtMs ?? undefined,
    codec: codec ?? undefined,
    payload: state === 'running' ? undefined : payload,
  };
  if (!isRecord(record)) refuse(undefined);
  return former ? { ...record, former: fromHead(former) } : record;
}

function refuse(version: unknown): never {
  const what =
    typeof version === 'number' ? `it has version ${version}` : 'it is no record of samekey';
  fail(
    SyntaxError,
    'SAMEKEY_BAD_STATE',
    `Cannot read the row in samekey_records: ${what}, wanted version ${VERSION}`,
  );
}

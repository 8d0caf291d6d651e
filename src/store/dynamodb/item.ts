import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { fail, quote } from '../../errors/errors.js';
import { own } from '../../options/own.js';
import { fromOneLine, toFilledLine } from '../one-line.js';
import { isRecord } from '../record-check.js';
import type { StoreRecord } from '../store.js';
import type { StoredRecord } from '../transition.js';

export type Item = Readonly<Record<string, AttributeValue>>;

/** A record whose payload may be in another place, under the name `spilledAs`. */
export interface KeptRecord extends StoredRecord {
  readonly spilledAs?: string;
  readonly former?: KeptRecord;
}

/** A record as it was read. Each write of an item gives it a new version. */
export interface Versioned {
  readonly record: KeptRecord;
  readonly version: string;
}

/** The version of this layout. A program refuses an item of any other. */
export const FORMAT = '1';

/** The attributes of an item beside its key and its time to live. */
export const ATTRIBUTES = [
  'format',
  'version',
  'state',
  'owner',
  'fencing_token',
  'attempt',
  'fingerprint',
  'claimed_at_ms',
  'lease_ends_at_ms',
  'expires_at_ms',
  'finished_at_ms',
  'codec',
  'payload',
  'spilled_as',
  'former',
] as const;

const toNumber = (value: number): AttributeValue => ({ N: String(value) });
const toText = (value: string): AttributeValue => ({ S: toFilledLine(value) });

/** Returns the attributes of a record, without its key. */
export function toAttributes(record: KeptRecord): Record<string, AttributeValue> {
  const { fingerprint, finishedAtMs, codec, payload } = record;
  const spilledAs = own(record, 'spilledAs');
  const former = own(record, 'former');
  return {
    state: { S: record.state },
    owner: toText(record.owner),
    fencing_token: toNumber(record.fencingToken),
    attempt: toNumber(record.attempt),
    claimed_at_ms: toNumber(record.claimedAtMs),
    lease_ends_at_ms: toNumber(record.leaseEndsAtMs),
    expires_at_ms: toNumber(record.expiresAtMs),
    ...(fingerprint !== undefined && { fingerprint: toText(fingerprint) }),
    ...(finishedAtMs !== undefined && { finished_at_ms: toNumber(finishedAtMs) }),
    ...(codec !== undefined && { codec: toText(codec) }),
    // Some servers refuse empty bytes.
    ...(payload !== undefined && payload.length > 0 && { payload: { B: payload } }),
    ...(spilledAs !== undefined && { spilled_as: { S: spilledAs } }),
    ...(former !== undefined && { former: { M: toAttributes(former) } }),
  };
}

/**
 * Returns the record in an item, with its version.
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_STATE` for an item that this version of samekey has not written.
 */
export function fromItem(item: Item, where: string): Versioned {
  const format = item.format?.N ?? item.format?.S;
  const version = item.version?.S;
  if (item.state?.S === undefined || format === undefined || version === undefined) {
    return fail(
      SyntaxError,
      'SAMEKEY_BAD_STATE',
      `Cannot use ${where}: it is no record of samekey (its attributes are ${quote(Object.keys(item).join(', '))}), wanted a table or a prefix that no other program uses`,
    );
  }
  if (format !== FORMAT) {
    return fail(
      SyntaxError,
      'SAMEKEY_BAD_STATE',
      `Cannot use ${where}: another version of samekey has written it (format ${/^\d+$/.test(format) ? format : quote(format)}), wanted format ${FORMAT}`,
    );
  }
  return { record: toRecord(item, where), version };
}

/** The types of the attributes that an item may lack. */
const TYPES = [
  ['fingerprint', 'S'],
  ['codec', 'S'],
  ['spilled_as', 'S'],
  ['payload', 'B'],
  ['former', 'M'],
] as const;

function isTyped(item: Item): boolean {
  return TYPES.every(([name, type]) => {
    const attribute = own(item, name);
    return attribute === undefined || attribute[type] !== undefined;
  });
}

function toRecord(item: Item, where: string): KeptRecord {
  const textOf = ({ S = '' }: AttributeValue) => fromOneLine(S);
  const numberOf = (name: string) => Number(item[name]?.N);
  const [fingerprint, codec, payload] = [
    own(item, 'fingerprint'),
    own(item, 'codec'),
    own(item, 'payload'),
  ];
  const [spilled_as, former] = [own(item, 'spilled_as'), own(item, 'former')];
  const state = item.state?.S as StoreRecord['state'];
  const hasPayload = state !== 'running' && spilled_as === undefined;
  const record: KeptRecord = {
    state,
    owner: fromOneLine(item.owner?.S ?? ''),
    fencingToken: numberOf('fencing_token'),
    attempt: numberOf('attempt'),
    fingerprint: fingerprint && textOf(fingerprint),
    claimedAtMs: numberOf('claimed_at_ms'),
    leaseEndsAtMs: numberOf('lease_ends_at_ms'),
    expiresAtMs: numberOf('expires_at_ms'),
    finishedAtMs: item.finished_at_ms && numberOf('finished_at_ms'),
    codec: codec && textOf(codec),
    // A copy: the client may return a slice of a larger buffer.
    payload: hasPayload ? new Uint8Array(payload?.B ?? []) : undefined,
    ...(spilled_as?.S !== undefined && { spilledAs: spilled_as.S }),
    ...(former?.M !== undefined && { former: toRecord(former.M, where) }),
  };
  if (isTyped(item) && isRecord(record)) return record;
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_STATE',
    `Cannot use ${where}: it is no record of samekey, wanted a table or a prefix that no other program uses`,
  );
}

const encoder = /* @__PURE__ */ new TextEncoder();
/** A number of the most digits that DynamoDB stores. */
const NUMBER_BYTES = 21;
const MAP_BYTES = 3;

/** Returns at least the number of bytes that DynamoDB counts for the attributes. */
export function byteCountOf(attributes: Item): number {
  let byteCount = 0;
  for (const [name, value] of Object.entries(attributes)) {
    byteCount += encoder.encode(name).length + 1;
    if (value.S !== undefined) byteCount += encoder.encode(value.S).length;
    else if (value.B !== undefined) byteCount += value.B.length;
    else if (value.M !== undefined) byteCount += MAP_BYTES + byteCountOf(value.M);
    else byteCount += NUMBER_BYTES;
  }
  return byteCount;
}

/** The result of an item in its record: the text of the provider's line, encrypted or not. */
import { decoder, encoder } from '../engine/utf8.js';
import { unreadable } from '../once/errors.js';
import { type EncryptedCodec, OnceError } from '../once/index.js';
import { faultOfSealed, SEALED_CODEC } from '../once/sealed.js';
import { keyIdIn, type StoredResult, storedResult } from '../once/stored-result.js';
import { membersOf } from '../providers/failure.js';
import type { StoreRecord } from '../store/store.js';
import { type BatchOutcome, outcomeOf } from './outcome.js';

const CODEC = 'json';

/** Returns the text of a line as the store keeps it. */
export function sealText(
  key: string,
  state: StoredResult['state'],
  text: string,
  encryption: EncryptedCodec | undefined,
): StoredResult | Promise<StoredResult> {
  const result = { state, codec: CODEC, payload: encoder.encode(text) };
  return encryption === undefined ? result : encryption.seal(key, result);
}

/** What is in a finished record. */
export interface StoredText {
  readonly text: string;
  readonly outcome: BatchOutcome;
}

/**
 * Reads a finished record. The outcome of one that cannot be read has an error with a code, which must not
 * hide the results beside it.
 */
export async function storedText(
  key: string,
  record: StoreRecord,
  encryption: EncryptedCodec | undefined,
): Promise<StoredText> {
  const stored = storedResult(record) ?? { state: 'done', codec: CODEC, payload: new Uint8Array() };
  try {
    const { codec, payload } =
      encryption === undefined ? stored : await encryption.open(key, stored);
    if (codec === CODEC) {
      const text = decoder.decode(payload);
      return { text, outcome: outcomeIn(text) };
    }
    throw new TypeError(
      codec === SEALED_CODEC
        ? faultOfSealed(payload, [])
        : `it was written by the codec "${codec}", wanted a result of a batch`,
    );
  } catch (error) {
    const fault = unreadable(key, stored, keyIdIn(stored), error);
    return { text: '', outcome: { outcome: 'errored', error: fault } };
  }
}

/** Returns the outcome in a finished record. */
export const storedOutcome = async (
  key: string,
  record: StoreRecord,
  encryption: EncryptedCodec | undefined,
): Promise<BatchOutcome> => (await storedText(key, record, encryption)).outcome;

/** Whether an outcome tells that the stored result cannot be read, and not what the provider has sent. */
export const isUnreadable = ({ error }: BatchOutcome): boolean =>
  error instanceof OnceError || error instanceof DamagedError;

/** Whether a result is encrypted and there is no codec to check it: a plan needs no keys. */
export const isUnchecked = ({ codec }: StoreRecord, encryption: EncryptedCodec | undefined) =>
  encryption === undefined && codec === SEALED_CODEC;

/** Returns the outcome that a stored text tells. */
export const outcomeIn = (text: string): BatchOutcome =>
  outcomeOf(membersOf(valueIn(text))) ?? { outcome: 'errored', error: new DamagedError() };

/** A record that another program has damaged. It must not hide the results beside it. */
class DamagedError extends Error {
  readonly code = 'SAMEKEY_STORE';

  constructor() {
    super('Cannot read the stored result: it is damaged, wanted a result of a batch');
  }
}

function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

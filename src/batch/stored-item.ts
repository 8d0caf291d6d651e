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

/**
 * Returns the text in a finished record, `undefined` for a record without one, and an error with the code
 * `SAMEKEY_UNREADABLE` for one that cannot be decrypted: it must not hide the results beside it.
 */
export async function openText(
  key: string,
  record: StoreRecord,
  encryption: EncryptedCodec | undefined,
): Promise<string | OnceError | undefined> {
  const stored = storedResult(record);
  if (stored === undefined) return undefined;
  try {
    const { codec, payload } =
      encryption === undefined ? stored : await encryption.open(key, stored);
    if (codec === CODEC) return decoder.decode(payload);
    throw new TypeError(
      codec === SEALED_CODEC
        ? faultOfSealed(payload, [])
        : `it was written by the codec "${codec}", wanted a result of a batch`,
    );
  } catch (error) {
    return unreadable(key, stored, keyIdIn(stored), error);
  }
}

/** Returns the outcome in a finished record. */
export async function storedOutcome(
  key: string,
  record: StoreRecord,
  encryption: EncryptedCodec | undefined,
): Promise<BatchOutcome | undefined> {
  const text = await openText(key, record, encryption);
  if (text === undefined) return undefined;
  if (text instanceof OnceError) return { outcome: 'errored', error: text };
  return outcomeIn(text);
}

/** Returns the outcome that a stored text tells. */
export const outcomeIn = (text: string): BatchOutcome =>
  outcomeOf(membersOf(valueIn(text))) ?? { outcome: 'errored', error: damaged() };

/** A record that another program has damaged. It must not hide the results beside it. */
const damaged = () =>
  Object.assign(
    new Error('Cannot read the stored result: it is damaged, wanted a result of a batch'),
    {
      code: 'SAMEKEY_STORE',
    },
  );

function valueIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import { decoder, encoder } from '../engine/utf8.js';
import { optional } from '../options/own.js';
import type { StoreRecord } from '../store/store.js';
import { type Codec, isOurs, isOwnCodec, jsonCodec, richCodec } from './codec.js';
import { type OnceError, unreadable } from './errors.js';
import type { OnceSettings } from './options.js';
import { faultOfSealed, keyIdOf, SEALED_CODEC } from './sealed.js';

/** An outcome as it is stored: in the payload of a record, and in the cache of this process. */
export interface StoredResult {
  readonly state: 'done' | 'failed';
  readonly codec: string;
  readonly payload: Uint8Array;
}

/** The codec name of the errors that `storeErrors` selects. */
const ERROR_CODEC = 'error';

/** Encodes an error: its name, message, code and status. */
export function encodeError(error: unknown): StoredResult {
  const ownError = error instanceof Error ? error : new Error(textOf(error));
  const described = ownError as { code?: unknown; status?: unknown };
  const [code, status] = [optional(described, 'code'), optional(described, 'status')];
  const text = JSON.stringify({
    name: ownError.name,
    message: ownError.message,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    status: typeof status === 'number' ? status : undefined,
  });
  return { state: 'failed', codec: ERROR_CODEC, payload: encoder.encode(text) };
}

/** A thrown value may have no text. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}

/** Returns the result in a finished record. */
export function storedResult({ state, codec, payload }: StoreRecord): StoredResult | undefined {
  if (state === 'running' || codec === undefined || payload === undefined) return undefined;
  return { state, codec, payload };
}

/** A program may change its codec between the two of samekey. A product's codec is the only one. */
function writerOf(name: string, codec: Codec): Codec | undefined {
  if (!isOwnCodec(codec)) {
    if (name === jsonCodec.name) return jsonCodec;
    if (name === richCodec.name) return richCodec;
  }
  return name === codec.name ? codec : undefined;
}

/**
 * Returns the result of a record as its codec wrote it, or the error for a result that cannot be read.
 * Without an encryption the answer comes at once.
 */
export function openResult(
  key: string,
  stored: StoredResult,
  settings: Pick<OnceSettings, 'codec' | 'encryption' | 'onUnreadable'>,
): StoredResult | OnceError | Promise<StoredResult | OnceError> {
  const { encryption } = settings;
  if (encryption === undefined) return readable(key, stored, stored, settings);
  const refuse = (error: unknown) => unreadable(key, stored, keyIdIn(stored), error);
  try {
    const opened = encryption.open(key, stored);
    return opened instanceof Promise
      ? opened.then((result) => readable(key, stored, result, settings), refuse)
      : readable(key, stored, opened, settings);
  } catch (error) {
    return refuse(error);
  }
}

function readable(
  key: string,
  stored: StoredResult,
  result: StoredResult,
  { codec, onUnreadable }: Pick<OnceSettings, 'codec' | 'onUnreadable'>,
): StoredResult | OnceError {
  const fault = faultOfCodecName(result, codec);
  if (fault !== undefined) return unreadable(key, stored, keyIdIn(stored), new TypeError(fault));
  // Each caller decodes a copy of its own, so this one serves only the decision.
  if (onUnreadable === 'retry') {
    try {
      if (result.state === 'failed') decodeError(result);
      else decodeValue(result, codec);
    } catch (error) {
      return unreadable(key, stored, keyIdIn(stored), undecodable(result, error));
    }
  }
  return result;
}

/** The error of a codec often quotes the bytes, such as that of `JSON.parse`. No message may contain them. */
function undecodable({ codec }: StoredResult, error: unknown): Error {
  const name = error instanceof Error ? error.name : typeof error;
  return new Error(`the codec "${codec}" cannot decode it (${name}), wanted what it once wrote`);
}

/** Returns the id of the key that encrypted a result. */
export const keyIdIn = ({ codec, payload }: StoredResult): string | undefined =>
  codec === SEALED_CODEC ? keyIdOf(payload) : undefined;

/** Returns why no codec decodes a result, and what would be right. */
function faultOfCodecName(stored: StoredResult, codec: Codec): string | undefined {
  const { state, codec: name, payload } = stored;
  const isKnown = state === 'failed' ? name === ERROR_CODEC : writerOf(name, codec) !== undefined;
  if (isKnown) return undefined;
  if (name === SEALED_CODEC) return faultOfSealed(payload, []);
  const result = isOwnCodec(codec) ? `"${codec.name}"` : 'that codec as the option';
  const wanted = state === 'failed' ? `an error of the codec "${ERROR_CODEC}"` : result;
  return `it was written by the codec "${name}", wanted ${wanted}`;
}

/**
 * Decodes a result, a new copy for each caller; throws a stored error.
 *
 * @throws {OnceError} `SAMEKEY_UNREADABLE` for a result that its codec cannot decode.
 */
export function decodeResult(key: string, result: StoredResult, codec: Codec): unknown {
  let error: Error;
  try {
    if (result.state === 'done') return decodeValue(result, codec);
    error = decodeError(result);
  } catch (fault) {
    throw unreadable(key, result, undefined, undecodable(result, fault));
  }
  throw error;
}

/** Decodes the value of a result. Throws what the codec throws. */
export function decodeValue({ codec: name, payload }: StoredResult, codec: Codec): unknown {
  const writer = writerOf(name, codec) as Codec;
  // A copy for a codec of the caller, which may return views of its bytes or write into them.
  return writer.decode(isOurs(writer) ? payload : new Uint8Array(payload));
}

function decodeError({ payload }: StoredResult): Error {
  const { name, message, ...more } = JSON.parse(decoder.decode(payload));
  return Object.assign(new Error(message), more, { name, replayed: true });
}

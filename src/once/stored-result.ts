import { decoder, encoder } from '../engine/utf8.js';
import { optional, own } from '../options/own.js';
import type { StoreRecord } from '../store/store.js';
import type { Codec, OwnCodec } from './codec.js';
import { jsonCodec, richCodec } from './codec.js';

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

function writerOf(name: string, codec: Codec): Codec | undefined {
  if (name === jsonCodec.name) return jsonCodec;
  if (name === richCodec.name) return richCodec;
  return name === codec.name ? codec : undefined;
}

/** Decodes a result, a new copy for each caller; throws a stored error. */
export function decodeResult({ state, codec: name, payload }: StoredResult, codec: Codec): unknown {
  if (state === 'failed') {
    const { name: errorName, message, ...more } = JSON.parse(decoder.decode(payload));
    throw Object.assign(new Error(message), more, { name: errorName, replayed: true });
  }
  const writer = writerOf(name, codec);
  if (writer === undefined) {
    throw new TypeError(
      `Cannot read the result: it was written by the codec "${name}", wanted that codec as the option`,
    );
  }
  const isOwn =
    writer === jsonCodec || writer === richCodec || own(writer as OwnCodec, 'isOwn') === true;
  // A copy for a codec of the caller, which may return views of its bytes or write into them.
  return writer.decode(isOwn ? payload : new Uint8Array(payload));
}

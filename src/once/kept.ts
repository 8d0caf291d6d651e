import { decoder, encoder } from '../engine/utf8.js';
import type { StoreRecord } from '../store/store.js';
import type { Codec } from './codec.js';
import { jsonCodec, richCodec } from './codec.js';

/** How an outcome is kept: in a record's payload, and in this process. */
export interface Kept {
  readonly state: 'done' | 'failed';
  readonly codec: string;
  readonly payload: Uint8Array;
}

/** The name of the codec of errors that `storeErrors` keeps. */
const ERROR_CODEC = 'error';

/** What of an error is kept: enough to tell what happened and to act on its code. */
export function keptError(error: unknown): Kept {
  const own = error instanceof Error ? error : new Error(textOf(error));
  const { code, status } = own as { code?: unknown; status?: unknown };
  const text = JSON.stringify({
    name: own.name,
    message: own.message,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    status: typeof status === 'number' ? status : undefined,
  });
  return { state: 'failed', codec: ERROR_CODEC, payload: encoder.encode(text) };
}

/** Not everything that can be thrown has a text. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return typeof thrown;
  }
}

/** What is kept in a finished record. */
export function keptIn({ state, codec, payload }: StoreRecord): Kept | undefined {
  if (state === 'running' || codec === undefined || payload === undefined) return undefined;
  return { state, codec, payload };
}

/** Gives the result again, a copy of its own for everybody who asks; throws a kept error. */
export function open({ state, codec: name, payload }: Kept, codec: Codec): unknown {
  if (state === 'failed') {
    const { name: errorName, message, ...more } = JSON.parse(decoder.decode(payload));
    throw Object.assign(new Error(message), more, { name: errorName, replayed: true });
  }
  const own = [jsonCodec, richCodec, codec].find((each) => each.name === name);
  if (own === undefined) {
    throw new TypeError(
      `Cannot read the result: it was kept by the codec "${name}", wanted that as the codec option`,
    );
  }
  // Theirs to keep, so that nobody changes what is kept for the others.
  return own.decode(payload.slice());
}

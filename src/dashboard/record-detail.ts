import { keyIdOf, SEALED_CODEC } from '../once/sealed.js';
import { own } from '../options/own.js';
import { responseCodec, type StoredResponse } from '../response/stored-response.js';
import type { StoreRecord } from '../store/store.js';
import type { RecordDetail } from './messages.js';
import { shownHeaders } from './shown-headers.js';
import { rowAt, toRow } from './store-rows.js';

const MAX_TEXT_BYTES = 64 * 1024;
const MAX_HEX_BYTES = 4096;
/** `owner` and `fingerprint` of a foreign record may be of any length. */
const MAX_MEMBER_CHARACTERS = 1000;

/** Returns what the page shows of one record. Headers that may hold credentials are left out. */
export function detailOf(key: string, record: StoreRecord, nowMs: number): RecordDetail {
  const codec = own(record, 'codec');
  const payload = own(record, 'payload');
  return {
    ...rowAt(toRow({ key, record }), nowMs),
    nowMs,
    owner: record.owner.slice(0, MAX_MEMBER_CHARACTERS),
    fencingToken: record.fencingToken,
    fingerprint: own(record, 'fingerprint')?.slice(0, MAX_MEMBER_CHARACTERS),
    codec: codec?.slice(0, MAX_MEMBER_CHARACTERS),
    keyId: codec === SEALED_CODEC && payload !== undefined ? keyIdOf(payload) : undefined,
    ...contentOf(codec, payload),
  };
}

type Content = Pick<RecordDetail, 'head' | 'text' | 'hex' | 'isCut'>;

const NOTHING: Content = { head: undefined, text: undefined, hex: undefined, isCut: false };

function contentOf(codec: string | undefined, payload: Uint8Array | undefined): Content {
  if (payload === undefined || codec === SEALED_CODEC) return NOTHING;
  if (codec !== responseCodec.name) return { ...NOTHING, ...shown(payload) };
  let response: StoredResponse;
  try {
    response = responseCodec.decode(payload) as StoredResponse;
  } catch {
    // Its bytes may hold the headers that are never shown.
    return NOTHING;
  }
  const { status, headers, body } = response;
  return { head: { status, headers: shownHeaders(headers) }, ...shown(body) };
}

/** The beginning of some bytes: as text, or as hexadecimal digits if they are no text. */
function shown(bytes: Uint8Array): Pick<Content, 'text' | 'hex' | 'isCut'> {
  const isCut = bytes.length > MAX_TEXT_BYTES;
  const text = textIn(bytes.subarray(0, MAX_TEXT_BYTES), isCut);
  if (text !== undefined) return { text, hex: undefined, isCut };
  const start = bytes.subarray(0, MAX_HEX_BYTES);
  const hex = Buffer.from(start.buffer, start.byteOffset, start.length).toString('hex');
  return { text: undefined, hex, isCut: bytes.length > MAX_HEX_BYTES };
}

/** Text in UTF-8 has no NUL. `isCut`: its last character may be cut. */
function textIn(bytes: Uint8Array, isCut: boolean): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, {
      stream: isCut,
    });
  } catch {
    return undefined;
  }
}

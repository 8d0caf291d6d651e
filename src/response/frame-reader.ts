import { decoder } from '../engine/utf8.js';
import { joinChunks } from './chunks.js';

/** The prelude of a message: its length, the length of its headers, and their checksum. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** No message of AWS is longer (smithy: 16 MiB of payload, 128 KiB of headers). */
const MAX_MESSAGE_BYTES = 24 * 1024 * 1024;
/** The type of a header that is text. */
const TEXT_TYPE = 7;
/** The bytes of the values of other header types; 6 is followed by a length, as text is. */
const VALUE_BYTES: readonly number[] = [0, 0, 1, 2, 4, 8, Number.NaN, Number.NaN, 8, 16];

/**
 * Reads the messages of an `application/vnd.amazon.eventstream` that arrives in chunks, and verifies
 * their checksums.
 */
export class FrameReader {
  readonly #onFrame: (headers: Readonly<Record<string, string>>, payload: Uint8Array) => void;
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  /** The bytes without which the next message cannot be read. */
  #neededBytes = PRELUDE_BYTES + CHECKSUM_BYTES;
  /** Whether a length or a checksum is wrong. Nothing after it can be read. */
  isMalformed = false;

  constructor(onFrame: (headers: Readonly<Record<string, string>>, payload: Uint8Array) => void) {
    this.#onFrame = onFrame;
  }

  /** Whether a message has begun and has not ended. */
  get isOpen(): boolean {
    return this.#restBytes > 0;
  }

  see(chunk: Uint8Array): void {
    if (this.isMalformed) return;
    // A copy: another reader of the response may change the chunk.
    this.#rest.push(new Uint8Array(chunk));
    this.#restBytes += chunk.length;
    if (this.#restBytes < this.#neededBytes) return;
    let bytes = joinChunks(this.#rest, this.#restBytes);
    while (bytes.length >= this.#neededBytes && !this.isMalformed) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const messageBytes = view.getUint32(0);
      const headersEnd = PRELUDE_BYTES + view.getUint32(4);
      const payloadEnd = messageBytes - CHECKSUM_BYTES;
      if (
        payloadEnd < headersEnd ||
        messageBytes > MAX_MESSAGE_BYTES ||
        view.getUint32(8) !== crc32(bytes.subarray(0, 8))
      ) {
        this.isMalformed = true;
      } else if (bytes.length < messageBytes) {
        this.#neededBytes = messageBytes;
      } else if (view.getUint32(payloadEnd) !== crc32(bytes.subarray(0, payloadEnd))) {
        this.isMalformed = true;
      } else {
        const headers = headersIn(bytes.subarray(PRELUDE_BYTES, headersEnd));
        this.#onFrame(headers, bytes.subarray(headersEnd, payloadEnd));
        bytes = bytes.subarray(messageBytes);
        this.#neededBytes = PRELUDE_BYTES + CHECKSUM_BYTES;
      }
    }
    this.#rest = [bytes];
    this.#restBytes = bytes.length;
  }
}

/** Returns the headers of a message whose value is text. */
function headersIn(bytes: Uint8Array): Record<string, string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headers: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const nameEnd = at + 1 + (bytes[at] as number);
    const type = bytes[nameEnd] as number;
    const hasLength = Number.isNaN(VALUE_BYTES[type]);
    if (nameEnd + 3 > bytes.length && hasLength) return headers;
    const start = nameEnd + (hasLength ? 3 : 1);
    const end =
      start + (hasLength ? view.getUint16(nameEnd + 1) : (VALUE_BYTES[type] ?? bytes.length));
    if (type === TEXT_TYPE) {
      headers[decoder.decode(bytes.subarray(at + 1, nameEnd))] = decoder.decode(
        bytes.subarray(start, end),
      );
    }
    at = end;
  }
  return headers;
}

let table: Uint32Array | undefined;

/** CRC-32 (ISO 3309). The one of `node:zlib` exists since Node.js 22, and in no edge runtime. */
function crc32(bytes: Uint8Array): number {
  table ??= new Uint32Array(256).map((_, index) => {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
    return crc;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

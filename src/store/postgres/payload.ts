import { fromHex } from '../../engine/hex.js';
import { fail, nameOf } from '../../errors/errors.js';

/**
 * Reads a payload as text, because the program may have set a parser for `bytea`, of all pools
 * (`pg.types.setTypeParser(17, …)`) or of this one (`types`). The server writes `bytea` in these digits
 * anyway, so it takes no longer.
 */
export const payloadColumn = (column: string) => `encode(${column}, 'hex')`;

interface HexReader {
  from(digits: string, encoding: 'hex'): Uint8Array;
  byteLength(text: string): number;
}

/** Returns the bytes of `payloadColumn`, or `undefined` for `NULL`. */
export function payloadIn(value: unknown): Uint8Array | undefined {
  if (value === null) return undefined;
  const { Buffer } = globalThis as { Buffer?: HexReader };
  if (typeof value === 'string') {
    // A copy, because a small `Buffer` is a slice of a larger one.
    const bytes = Buffer === undefined ? fromHex(value) : new Uint8Array(Buffer.from(value, 'hex'));
    // `Buffer` stops at the first character that is no digit, but takes U+0161 for `a`.
    const isRight =
      Buffer === undefined ? /^[\da-f]*$/i.test(value) : Buffer.byteLength(value) === value.length;
    if (isRight && 2 * bytes.length === value.length) return bytes;
  }
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot read a result from PostgreSQL: the client gave ${nameOf(value)} for text in hexadecimal digits, wanted no parser of the type text (OID 25) that changes it`,
  );
}

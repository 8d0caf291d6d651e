import { canonicalizeJson, type SamekeyError } from '../index.js';

/** The content of an editor: a text to edit, or a file that a text area cannot show. */
export interface RequestText {
  readonly text: string;
  /** The bytes of the file, if a text area would change them. */
  readonly bytes?: Uint8Array;
  /** The name of the file that `bytes` are of. */
  readonly fileName?: string;
}

/** Keeps the bytes of a file if a text area would change them: its CR LF line ends, its byte order mark. */
export function fromBytes(bytes: Uint8Array, fileName: string): RequestText {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const isText = !/^\ufeff|[\ufffd\0\r]/.test(text);
  return isText ? { text } : { text, bytes, fileName };
}

/** A fault. `line` and `column` are its place in the text. */
export interface Fault {
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
}

export type Reading =
  | { readonly value: unknown; readonly fault?: undefined }
  | { readonly fault: Fault };

export const isEmpty = ({ text, bytes }: RequestText): boolean =>
  bytes === undefined ? text.trim() === '' : bytes.length === 0;

export const bytesOf = ({ text, bytes }: RequestText): Uint8Array =>
  bytes ?? new TextEncoder().encode(text);

/** Parses a JSON text as strictly as `keyOfJson`. As on the command line, a byte order mark is ignored. */
export function readRequest(request: RequestText, roundsIntegers: boolean): Reading {
  const isMarked = request.text.startsWith('\ufeff');
  const text = isMarked ? request.text.slice(1) : request.text;
  const bytes = isMarked ? request.bytes?.subarray(3) : request.bytes;
  try {
    canonicalizeJson(bytes ?? text, { bigNumbers: roundsIntegers ? 'double' : 'error' });
    return { value: JSON.parse(text) };
  } catch (error) {
    return { fault: toFault(error) };
  }
}

export function toFault(error: unknown): Fault {
  const { message, line, column } = error as SamekeyError;
  return line === undefined || column === undefined
    ? { message: String(message) }
    : { message, line, column };
}

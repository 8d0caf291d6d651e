import { canonicalizeJson, type SamekeyError } from '../index.js';

/** What an editor holds: a text to be edited, or a file too large or too odd for that. */
export interface RequestText {
  readonly text: string;
  /** The bytes as they came, where they are not simply the UTF-8 of the text. */
  readonly bytes?: Uint8Array;
}

/** What is wrong, and where in the text if it is the text. */
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

/** The value of a JSON text, read as strictly as `keyOfJson` reads it. */
export function readRequest({ text, bytes }: RequestText, roundsIntegers: boolean): Reading {
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

import { fail, quote } from '../errors/errors.js';

/** Characters that some stores cannot hold in one line of text: controls and lone surrogates. */
const AWKWARD = /[\p{Cc}\p{Cs}]|^"/u;

/** Returns the text itself, or as JSON if a store could not hold it on one line. */
export function toOneLine(text: string): string {
  return AWKWARD.test(text) ? JSON.stringify(text) : text;
}

/** The same, but never empty: some stores refuse an empty text, or keep it for `undefined`. */
export const toFilledLine = (text: string) => (text === '' ? '""' : toOneLine(text));

/** @throws {SyntaxError} `SAMEKEY_BAD_STATE` for a text that `toOneLine` never returns. */
export function fromOneLine(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return fail(
      SyntaxError,
      'SAMEKEY_BAD_STATE',
      `Cannot read the text ${quote(text)} in the store: its quotation marks are not those of JSON, wanted records that only samekey writes`,
    );
  }
}

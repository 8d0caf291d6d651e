import { fail, type SamekeyErrorCode } from '../errors/errors.js';

type ErrorClass = new (message: string) => Error;

/** A word, for what is misspelled, or one character. */
const THING = /[\w$.+\\-]{1,40}|./suy;

/** What stands at an index of a text; white space, control characters and look-alikes by number. */
export function thingAt(text: string, index: number): string {
  THING.lastIndex = index;
  const thing = THING.exec(text)?.[0];
  if (thing === undefined) return 'the end';
  const code = thing.codePointAt(0) as number;
  if (code <= 0x20 || code >= 0x7f) return `U+${code.toString(16).padStart(4, '0')}`;
  return thing === '"' ? `'"'` : `"${thing}"`;
}

/**
 * Refuses a JSON text for what stands at `index`. The error's `position` is the offset in the UTF-8
 * bytes, its `line` and `column` count from 1, the column in Unicode characters.
 */
export function refuseText(
  text: string,
  index: number,
  what: string,
  Class: ErrorClass = SyntaxError,
  code: SamekeyErrorCode = 'SAMEKEY_BAD_JSON',
  path?: string,
): never {
  let position = 0;
  let line = 1;
  let column = 1;
  for (let i = 0; i < index; i++) {
    const unit = text.charCodeAt(i);
    const surrogate = unit & 0xfc00;
    // Each half of a pair is two of its four bytes.
    position +=
      unit < 0x80 ? 1 : unit < 0x800 || surrogate === 0xd800 || surrogate === 0xdc00 ? 2 : 3;
    if (surrogate !== 0xdc00) column++;
    if (unit === 0x0a) {
      line++;
      column = 1;
    }
  }
  return fail(
    Class,
    code,
    `Cannot read the JSON text at line ${line}, column ${column} (byte ${position}): ${what}`,
    { position, line, column, ...(path === undefined ? {} : { path }) },
  );
}

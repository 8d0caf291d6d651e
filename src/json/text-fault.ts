import { encoder } from '../engine/utf8.js';
import { fail, type SamekeyErrorCode } from '../errors/errors.js';

/** The text to show in an error: a word, or one character. */
const THING = /[\w$.+\\-]{1,40}|./suy;

/**
 * Describes the text at an index. White space, control characters and look-alikes are shown by
 * number.
 */
function thingAt(text: string, index: number): string {
  THING.lastIndex = index;
  const thing = THING.exec(text)?.[0];
  if (thing === undefined) return 'the end';
  const code = thing.codePointAt(0) as number;
  if (code <= 0x20 || code >= 0x7f) return `U+${code.toString(16).padStart(4, '0')}`;
  return thing === '"' ? `'"'` : `"${thing}"`;
}

/** Overrides for the parts of an error. */
interface Refusal {
  readonly found?: string;
  readonly code?: SamekeyErrorCode;
  /** JSON Pointer of a value that is JSON, but out of range. */
  readonly path?: string;
}

/**
 * Throws the error for a JSON text because of the text at `index`. The error's `position` is the
 * offset in the UTF-8 bytes; `line` and `column` count from 1, the column in Unicode characters.
 */
export function refuseText(
  text: string,
  index: number,
  wanted: string,
  { found = thingAt(text, index), code = 'SAMEKEY_BAD_JSON', path }: Refusal = {},
): never {
  const before = text.slice(0, index);
  const position = encoder.encode(before).length;
  // Counted by deletion: a list of all lines or characters might not fit into memory.
  const line = before.replace(/[^\n]+/g, '').length + 1;
  const lastLine = before.slice(before.lastIndexOf('\n') + 1);
  const column = lastLine.replace(/[\udc00-\udfff]/g, '').length + 1;
  return fail(
    path === undefined ? SyntaxError : RangeError,
    code,
    `Cannot read the JSON text at line ${line}, column ${column} (byte ${position}): found ${found}, wanted ${wanted}`,
    { position, line, column, ...(path === undefined ? {} : { path }) },
  );
}

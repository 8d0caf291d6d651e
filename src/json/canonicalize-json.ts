import type { Bytes } from '../engine/engine.js';
import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { type Content, toContent } from '../hash/content.js';
import { own } from '../options/own.js';
import { BytesSink, type CanonicalizeOptions, toMaxDepth } from './canonicalize.js';
import { type BigNumbers, parseJson } from './parse.js';
import { writeCanonical } from './write.js';
import { writeJson } from './write-json.js';
import { writeOptions } from './writer.js';

/** The options of `canonicalizeJson`. */
export interface CanonicalizeJsonOptions extends CanonicalizeOptions {
  /**
   * How to treat an integer beyond ±(2^53 - 1). Default: `'error'`, because as doubles two
   * different integers can be equal. `'double'` reads it as `JSON.parse` does, and `'digits'` keeps
   * it as it is written. An integer in its canonical form, which only one double has, is always
   * accepted.
   */
  readonly bigNumbers?: BigNumbers;
}

/** Checks `bigNumbers`. */
export function toBigNumbers(bigNumbers: unknown): BigNumbers {
  if (bigNumbers === undefined) return 'error';
  if (bigNumbers === 'error' || bigNumbers === 'double' || bigNumbers === 'digits') {
    return bigNumbers;
  }
  const isText = typeof bigNumbers === 'string';
  return fail(
    isText ? RangeError : TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use bigNumbers: it is ${isText ? quote(bigNumbers) : nameOf(bigNumbers)}, wanted "error", "digits" or "double"`,
  );
}

/**
 * Returns the canonical form (RFC 8785) of a JSON text as UTF-8 bytes. The result equals
 * `canonicalBytes` of its value, but the text is read strictly, as I-JSON (RFC 7493).
 *
 * @throws {SyntaxError} `SAMEKEY_BAD_JSON` for text that is not JSON or not UTF-8, that begins with
 * a byte order mark, repeats a name in one object, or contains a lone surrogate as an escape.
 * @throws {RangeError} `SAMEKEY_BIG_NUMBER` for an integer (a number without fraction and exponent)
 * beyond ±(2^53 - 1), by default, unless `canonicalize` prints it so, and for a number that is
 * infinite as a double, such as `1e400`;
 * `SAMEKEY_TOO_DEEP` beyond `maxDepth`. Both have the JSON Pointer as `path`. All of these errors
 * have `position`, the offset in the UTF-8 bytes, and `line` and `column` from 1, the column in
 * Unicode characters.
 * @throws {TypeError} `SAMEKEY_LONE_SURROGATE` for text with a lone surrogate in it;
 * `SAMEKEY_BAD_ARGUMENT`.
 * @example
 * new TextDecoder().decode(canonicalizeJson('{ "b": 1.0, "a": "\\u0041" }')); // '{"a":"A","b":1}'
 */
export function canonicalizeJson(input: Content, options?: CanonicalizeJsonOptions): Bytes {
  if (options !== undefined) requireMembers(options, ['maxDepth', 'bigNumbers'], 'options');
  const limits = {
    maxDepth: toMaxDepth(options && own(options, 'maxDepth')),
    bigNumbers: toBigNumbers(options && own(options, 'bigNumbers')),
    // Own members, so that a polluted `Object.prototype` adds none.
    selection: undefined,
    include: undefined,
  };
  const content = toContent(input, 'canonicalize the JSON text');
  return (
    writeJson(content, limits, new BytesSink()) ??
    writeCanonical(parseJson(content, limits), writeOptions(limits.maxDepth), new BytesSink())
  );
}

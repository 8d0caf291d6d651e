/**
 * Every error samekey raises on purpose is the nearest built-in class (`TypeError` for a wrong
 * type, `RangeError` for a value out of range, `SyntaxError` for text that does not parse) with
 * one of these codes, which do not change between versions.
 */
export type SamekeyErrorCode =
  | 'SAMEKEY_BAD_ARGUMENT'
  | 'SAMEKEY_BAD_IDENTITY'
  | 'SAMEKEY_BAD_KEY'
  | 'SAMEKEY_BAD_PATH'
  | 'SAMEKEY_BAD_SCOPE'
  | 'SAMEKEY_BAD_STATE'
  | 'SAMEKEY_BAD_UUID'
  | 'SAMEKEY_CYCLE'
  | 'SAMEKEY_EMPTY_IDENTITY'
  | 'SAMEKEY_ENGINE_UNAVAILABLE'
  | 'SAMEKEY_LONE_SURROGATE'
  | 'SAMEKEY_NOT_FINITE'
  | 'SAMEKEY_NOT_JSON'
  | 'SAMEKEY_NO_MIDSTATE'
  | 'SAMEKEY_NO_RANDOM'
  | 'SAMEKEY_TOO_DEEP';

/** What `catch` receives: a built-in error with a `code`, and a `path` where a value is to blame. */
export interface SamekeyError extends Error {
  readonly code: SamekeyErrorCode;
  /** JSON Pointer (RFC 6901) of the offending value; `""` is the whole value. */
  readonly path?: string;
  /** Zero-based offset of the offending character in a text that does not parse. */
  readonly position?: number;
}

type ErrorClass = new (message: string) => Error;

/** Throws `message` as `Class` with a stable `code`. */
export function fail(
  Class: ErrorClass,
  code: SamekeyErrorCode,
  message: string,
  where?: { path?: string; position?: number },
): never {
  throw Object.assign(new Class(message), { code }, where);
}

/** How a wrong argument is named in a message: `null`, `an array`, `a Map`, `text`, … */
export function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'undefined':
      return 'undefined';
    case 'string':
      return 'text';
    case 'bigint':
      return 'a BigInt';
    case 'object': {
      const name = value.constructor?.name;
      if (!name || name === 'Object') return 'an object';
      return `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
    }
    default:
      return `a ${typeof value}`;
  }
}

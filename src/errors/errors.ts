/**
 * Every error that samekey throws on purpose is of the nearest built-in class (`TypeError` for a wrong
 * type, `RangeError` for a value out of range, `SyntaxError` for text that does not parse) with
 * one of these codes, which do not change between versions.
 */
export type SamekeyErrorCode =
  | 'SAMEKEY_BAD_ARGUMENT'
  | 'SAMEKEY_BAD_CLIENT'
  | 'SAMEKEY_BAD_CONFIG'
  | 'SAMEKEY_BAD_IDENTITY'
  | 'SAMEKEY_BAD_JSON'
  | 'SAMEKEY_BAD_KEY'
  | 'SAMEKEY_BAD_PATH'
  | 'SAMEKEY_BAD_SCOPE'
  | 'SAMEKEY_BAD_STATE'
  | 'SAMEKEY_BAD_UUID'
  | 'SAMEKEY_BIG_NUMBER'
  | 'SAMEKEY_BROKEN_RESPONSE'
  | 'SAMEKEY_CLOSED'
  | 'SAMEKEY_CYCLE'
  | 'SAMEKEY_DEADLOCK'
  | 'SAMEKEY_EMPTY_IDENTITY'
  | 'SAMEKEY_ENGINE_UNAVAILABLE'
  | 'SAMEKEY_IN_PROGRESS'
  | 'SAMEKEY_LEASE_LOST'
  | 'SAMEKEY_LIMIT'
  | 'SAMEKEY_LONE_SURROGATE'
  | 'SAMEKEY_MISMATCH'
  | 'SAMEKEY_NOT_FINITE'
  | 'SAMEKEY_NOT_JSON'
  | 'SAMEKEY_NOT_KEPT'
  | 'SAMEKEY_NO_MIDSTATE'
  | 'SAMEKEY_NO_POOL'
  | 'SAMEKEY_NO_RANDOM'
  | 'SAMEKEY_NO_TABLE'
  | 'SAMEKEY_OVERLOADED'
  | 'SAMEKEY_PLATFORM'
  | 'SAMEKEY_REFUSED'
  | 'SAMEKEY_STORE'
  | 'SAMEKEY_STORE_FULL'
  | 'SAMEKEY_TIMEOUT'
  | 'SAMEKEY_TOO_DEEP'
  | 'SAMEKEY_TOO_LONG'
  | 'SAMEKEY_TOO_SLOW'
  | 'SAMEKEY_UNKNOWN_OUTCOME'
  | 'SAMEKEY_UNREADABLE'
  | 'SAMEKEY_UNSTORABLE'
  | 'SAMEKEY_UPSTREAM';

/** A built-in error with a `code`, and with a `path` if a value caused it. */
export interface SamekeyError extends Error {
  /** A stable code to branch on; the wording of messages may change. */
  readonly code: SamekeyErrorCode;
  /** JSON Pointer (RFC 6901) of the offending value; `""` is the whole value. */
  readonly path?: string;
  /** Zero-based offset of the offending character in a text that does not parse; in JSON, of its UTF-8 bytes. */
  readonly position?: number;
  /** In JSON text, counted from 1. */
  readonly line?: number;
  /** In JSON text, counted from 1 in Unicode characters. */
  readonly column?: number;
}

type ErrorClass = new (message: string) => Error;

/** Throws `message` as `Class` with a stable `code`. */
export function fail(
  Class: ErrorClass,
  code: SamekeyErrorCode,
  message: string,
  where?: Pick<SamekeyError, 'path' | 'position' | 'line' | 'column'>,
): never {
  throw Object.assign(new Class(message), { code }, where);
}

/** Names a wrong argument in a message: `null`, `an array`, `a Map`, `text`, … */
export function nameOf(value: unknown): string {
  const type = typeof value;
  if (value === null || value === undefined) return String(value);
  if (type === 'object') return nameOfObject(value);
  if (type === 'string') return 'text';
  return `a ${type === 'bigint' ? 'BigInt' : type}`;
}

function nameOfObject(value: object): string {
  try {
    if (Array.isArray(value)) return 'an array';
    const maker: unknown = value.constructor;
    const name = typeof maker === 'function' ? maker.name : '';
    if (!/^[A-Za-z]\w{0,40}$/.test(name) || name === 'Object') return 'an object';
    return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
  } catch {
    // A proxy may throw at any access.
    return 'an object';
  }
}

/** Shows a text in a message: in quotes, on one line, shortened if it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 80)}…`);
}

/**
 * Checks that `options` is a plain object with `known` members only: a misspelled member must not mean
 * the default, and the getters of a class are lost in a copy.
 */
export function requireMembers(
  options: unknown,
  known: readonly string[],
  what: string,
  hintAt: (name: string) => string = () => '',
): void {
  const isObject = typeof options === 'object' && options !== null && !Array.isArray(options);
  const prototype: unknown = isObject ? Object.getPrototypeOf(options) : null;
  const refuse = (why: string) =>
    fail(TypeError, 'SAMEKEY_BAD_ARGUMENT', `Cannot use the ${what}: ${why}`);
  // Another realm's `Object.prototype` is one, too.
  if (!isObject || (prototype !== null && Object.getPrototypeOf(prototype) !== null)) {
    throw refuse(`wanted ${isObject ? 'a plain' : 'an'} object, not ${nameOf(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      refuse(`there is no member ${quote(name)}${hintAt(name)}, only ${known.join(', ')}`);
    }
  }
}

import { parseItem } from 'structured-headers';
import { fail, nameOf, quote } from '../errors/errors.js';
import { isKey, parseKey } from '../index.js';

/** Longer keys are refused: what is looked up by them is somebody else's memory. */
export const MAX_KEY_CHARACTERS = 255;

/** Which keys of callers are taken: those of samekey, UUIDs, or what the expression matches. */
export type KeyFormat = 'samekey' | 'uuid' | RegExp;

/** How a key looks in a header. */
export interface KeyHeaderOptions {
  /** `Idempotency-Key` unless given. */
  readonly headerName?: string;
  /** What a key begins with in the header; `ik_` unless given. */
  readonly keyPrefix?: string;
  /** As a Structured Field String, in quotes, as draft-ietf-httpapi-idempotency-key-header-07 has it; bare, as most servers read it, unless given. */
  readonly quoted?: boolean;
}

/** Checked `KeyHeaderOptions`, and what they do. */
export class KeyHeader {
  readonly name: string;
  readonly #prefix: string;
  readonly #isQuoted: boolean;

  constructor({
    headerName = 'Idempotency-Key',
    keyPrefix = 'ik_',
    quoted = false,
  }: KeyHeaderOptions) {
    // RFC 9110 §5.6.2: a token. A prefix may stand in a header, a log and a batch id alike.
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/.test(headerName)) {
      fail(
        RangeError,
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot use the header ${quote(headerName)}: wanted the name of a header`,
      );
    }
    if (!/^[a-zA-Z][a-zA-Z0-9_-]{0,15}$/.test(keyPrefix)) {
      fail(
        RangeError,
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot use the key prefix ${quote(keyPrefix)}: wanted 1 to 16 letters, digits, "_" and "-", such as "idem_"`,
      );
    }
    this.name = headerName;
    this.#prefix = keyPrefix;
    this.#isQuoted = quoted;
  }

  /** The value that carries a key. */
  write(key: string): string {
    const text = isKey(key) ? this.#prefix + parseKey(key).hex : key;
    return this.#isQuoted ? `"${text}"` : text;
  }

  /**
   * The key in a header's value, `undefined` if it is not there; quoted and bare are one key, and so
   * is one with this prefix and with `ik_`.
   *
   * @throws {SyntaxError} `SAMEKEY_BAD_KEY`.
   */
  read(headers: Headers): string | undefined {
    const value = headers.get(this.name);
    if (value === null) return undefined;
    const text = value.startsWith('"') ? unquoted(value) : value;
    // A bare key with a comma in it may be two headers, of which none is the key.
    if (!/^[!-~]+$/.test(text) || (text === value && /[",;\\]/.test(text))) {
      return this.#refuse(value, 'visible ASCII characters, bare or in quotes');
    }
    if (text.length > MAX_KEY_CHARACTERS) {
      return this.#refuse(value, `at most ${MAX_KEY_CHARACTERS} characters, not ${text.length}`);
    }
    const own = `ik_${text.slice(this.#prefix.length)}`;
    return text.startsWith(this.#prefix) && isKey(own) ? own : text;
  }

  /** Refuses a key that is not of the format, before it reaches anybody. */
  require(key: string, format: KeyFormat): void {
    if (matches(key, format)) return;
    const wanted = {
      samekey: `a key that samekey made, such as ${this.#prefix}7f3a… (67 or 35 characters)`,
      uuid: 'a lower-case UUID',
    };
    this.#refuse(key, format instanceof RegExp ? `one that matches ${format}` : wanted[format]);
  }

  #refuse(value: string, wanted: string): never {
    return fail(
      SyntaxError,
      'SAMEKEY_BAD_KEY',
      `Cannot use the ${this.name} ${quote(value.slice(0, 80))}${value.length > 80 ? '…' : ''}: wanted ${wanted}`,
    );
  }
}

/** @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for what is no format. */
export function requireKeyFormat(format: unknown): void {
  if (format === 'samekey' || format === 'uuid' || format instanceof RegExp) return;
  fail(
    typeof format === 'string' ? RangeError : TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use the keyFormat ${typeof format === 'string' ? quote(format) : nameOf(format)}: wanted "samekey", "uuid" or a RegExp`,
  );
}

function matches(key: string, format: KeyFormat): boolean {
  if (format === 'samekey') return isKey(key);
  if (format === 'uuid') return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(key);
  // An expression with the flag `g` remembers where it was.
  return new RegExp(format.source, format.flags.replace(/[gy]/g, '')).test(key);
}

/** RFC 9651 §3.3.3; what is malformed is as it stands, and then refused. */
function unquoted(value: string): string {
  try {
    const [text] = parseItem(value);
    return typeof text === 'string' ? text : '';
  } catch {
    return '';
  }
}

import { parseItem } from 'structured-headers';
import { fail, quote } from '../errors/errors.js';
import { isKey } from '../index.js';
import { faultOfChosenKey, MAX_KEY_CHARACTERS } from '../once/chosen-key.js';
import type { KeyFormat, KeyHeaderSettings } from './options.js';

/** Reads headers by their names: `Headers`, or those of Node.js without a copy. */
export interface HeaderReader extends Pick<Headers, 'get' | 'has'> {
  /** The names, in lower case. */
  keys(): Iterable<string>;
}

/**
 * Headers that were read once. `Headers` validates the name at each `get`, and a request to send is asked
 * for ten to twenty of them: a tenth of the time of a replay.
 */
export class HeaderSnapshot implements HeaderReader, Iterable<readonly [string, string]> {
  readonly #values: ReadonlyMap<string, string>;

  constructor(headers: Headers) {
    this.#values = new Map(headers);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values[Symbol.iterator]();
  }
}

/** Characters that a bare key may not have. */
const UNSAFE = /[",;\\]/;

/** Reads and writes the header that carries a key. */
export class KeyHeader {
  /** The name of the header. */
  readonly name: string;
  readonly #prefix: string;
  readonly #isQuoted: boolean;

  constructor({ headerName, keyPrefix, quoted }: KeyHeaderSettings) {
    this.name = headerName;
    this.#prefix = keyPrefix;
    this.#isQuoted = quoted;
  }

  /** Returns the header's value for a key. */
  write(key: string): string {
    const text = isKey(key) ? this.#prefix + key.slice('ik_'.length) : key;
    // Bare, such a key would be read as two, or not at all.
    return this.#isQuoted || UNSAFE.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : text;
  }

  /**
   * Returns the key in a request's headers, or `undefined` if the header is missing. A key in quotes
   * equals the bare key, and a key with this prefix equals the same key with `ik_`.
   *
   * @throws {SyntaxError} `SAMEKEY_BAD_KEY` if the value is not a key.
   */
  read(headers: Pick<HeaderReader, 'get'>): string | undefined {
    const value = headers.get(this.name);
    if (value === null) return undefined;
    const text = value.startsWith('"') ? unquote(value) : value;
    const key = `ik_${text.slice(this.#prefix.length)}`;
    if (text.startsWith(this.#prefix) && isKey(key)) return key;
    // A bare value with a comma may be two headers, joined by the platform.
    const fault =
      text === value && UNSAFE.test(text) ? 'it may be two keys' : faultOfChosenKey(text);
    if (fault === undefined) return text;
    const wanted = `1 to ${MAX_KEY_CHARACTERS} visible ASCII characters, bare or in quotes`;
    return this.#refuse(value, `${fault}, wanted ${wanted}`);
  }

  /** @throws {SyntaxError} `SAMEKEY_BAD_KEY` if the key does not have the format. */
  require(key: string, format: KeyFormat): void {
    if (matches(key, format)) return;
    const wanted = {
      samekey: `a key that samekey derived, such as ${this.#prefix}7f3a… (67 or 35 characters)`,
      uuid: 'a UUID',
    };
    const description = format instanceof RegExp ? `one that matches ${format}` : wanted[format];
    this.#refuse(key, `wanted ${description}`);
  }

  #refuse(value: string, why: string): never {
    return fail(
      SyntaxError,
      'SAMEKEY_BAD_KEY',
      `Cannot use the ${this.name} ${quote(value.slice(0, 80))}${value.length > 80 ? '…' : ''}: ${why}`,
    );
  }
}

function matches(key: string, format: KeyFormat): boolean {
  if (format === 'samekey') return isKey(key);
  if (format === 'uuid') return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(key);
  // Without the flags `g` and `y`, with which an expression continues at its last match.
  return new RegExp(format.source, format.flags.replace(/[gy]/g, '')).test(key);
}

/** Returns the text of a Structured Field String (RFC 9651 §3.3.3), or `''` for any other value. */
function unquote(value: string): string {
  try {
    const [text] = parseItem(value);
    return typeof text === 'string' ? text : '';
  } catch {
    return '';
  }
}

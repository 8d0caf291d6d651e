import { parseItem } from 'structured-headers';
import { fail, quote } from '../errors/errors.js';
import { isKey, parseKey } from '../index.js';
import type { KeyFormat, KeyHeaderSettings } from './options.js';

/** Longer keys are refused: what is looked up by them is somebody else's memory. */
export const MAX_KEY_CHARACTERS = 255;

/** Reads and writes the header that carries a key. */
export class KeyHeader {
  readonly name: string;
  readonly #prefix: string;
  readonly #isQuoted: boolean;

  constructor({ headerName, keyPrefix, quoted }: KeyHeaderSettings) {
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

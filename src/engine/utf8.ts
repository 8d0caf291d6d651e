import { fail, quote } from '../errors/errors.js';

/** What is used of a `TextEncoder`. A lone surrogate would come out as U+FFFD: text is checked before. */
interface Encoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}
interface Decoder {
  decode(bytes: Uint8Array): string;
}

/**
 * What stands for the platform's own until the first use, and tries them before it trusts them: an
 * import does nothing, and no later call pays for the question. `encodeInto` is for those who have
 * asked for an engine, who are past that.
 */
const UNTRIED = {
  encode(text) {
    trustPlatform();
    return encoder.encode(text);
  },
  decode(bytes) {
    trustPlatform();
    return decoder.decode(bytes);
  },
} as Encoder & Decoder;

export let encoder: Encoder = UNTRIED;

/** U+FEFF at the start is data here, and not a byte order mark to be dropped. */
export let decoder: Decoder = UNTRIED;

/** U+FEFF, a character of two bytes, one of four and a lone surrogate, which becomes U+FFFD. */
const SAMPLE = '\ufeff\u00e9\u{1f9f3}\ud800';
const RIGHT = '239,187,191,195,169,240,159,167,179,239,191,189,2,5,\ufeff\u00e9\u{1f9f3}\ufffd';

/**
 * Compares the platform's `TextEncoder` and `TextDecoder` with known answers, once. A polyfill or a
 * patch that is wrong about one character would give wrong keys, or two contents one key.
 *
 * @throws {Error} `SAMEKEY_PLATFORM`, at every use, as long as they are missing or wrong.
 */
export function trustPlatform(): void {
  if (encoder !== UNTRIED) return;
  let found: string;
  try {
    const ours = new TextEncoder() as Encoder;
    const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
    const bytes = ours.encode(SAMPLE);
    // No room for the third character, which must not be cut in two.
    const { read, written } = ours.encodeInto(SAMPLE, new Uint8Array(6));
    found = `${[bytes, read, written, lenient.decode(bytes)]}`;
    try {
      found += new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(1));
    } catch {
      // As it must: the strict reader of JSON relies on it.
    }
    if (found === RIGHT) {
      encoder = ours;
      decoder = lenient;
      return;
    }
  } catch (error) {
    found = `${error}`;
  }
  fail(
    Error,
    'SAMEKEY_PLATFORM',
    `Cannot make keys: TextEncoder and TextDecoder give ${quote(found)}, wanted ${quote(RIGHT)}`,
  );
}

/**
 * The text from `from` on, or as much as `most` characters of it, without cutting a pair in two.
 * Chromium copies a text whole to encode the first part of it: without this, a text of 4 MB was
 * encoded piece by piece in 0.2 s, and one of 16 MB in 7 s.
 */
export function pieceOf(text: string, from: number, most: number): string {
  let to = from + most;
  if (to >= text.length) return from === 0 ? text : text.substring(from);
  if ((text.charCodeAt(to - 1) & 0xfc00) === 0xd800) to--;
  return text.substring(from, to);
}

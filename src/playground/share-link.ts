import { sha256Hex } from '../index.js';
import { byteSize } from '../text/byte-size.js';
import { fromBase64Url, toBase64Url } from './base64.js';

/** The format of the links that this page makes. A page reads the formats up to its own. */
const FORMAT = 1;
const START = '#share.';
/** Longer fragments are neither made nor read. Programs for chat and mail cut long addresses. */
export const MAX_LINK_CHARS = 32_000;
/** A compressed link may not become larger than this: 32,000 characters could hold 25 MB. */
const MAX_INPUT_BYTES = 250_000;
const CHECK_DIGITS = 8;

/** Why a link cannot be made or opened, in one sentence for the user of the page. */
export class LinkError extends Error {
  override readonly name = 'LinkError';
}

/** Whether the fragment of an address is a link that holds an input, also a damaged one. */
export const isShareLink = (fragment: string): boolean => fragment.startsWith(START);

/**
 * Returns the fragment that holds a text: `#share.1.z.PAYLOAD.CHECK`. The payload is base64url, of
 * raw DEFLATE (`z`) or of plain UTF-8 (`p`), whichever is shorter. The check digits are of the SHA-256 of
 * the characters before them, so that a link that was cut is recognized.
 *
 * @throws {LinkError} if the text is too long for a link
 */
export async function toShareLink(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  checkInputSize(bytes.length);
  const deflated = await deflate(bytes);
  const isShorter = deflated !== undefined && deflated.length < bytes.length;
  const payload = isShorter ? `z.${toBase64Url(deflated)}` : `p.${toBase64Url(bytes)}`;
  const checked = `${START}${FORMAT}.${payload}`;
  const link = `${checked}.${checkOf(checked)}`;
  if (link.length > MAX_LINK_CHARS) {
    throw new LinkError(`The input is too large for a link: ${counts(link.length)}.`);
  }
  return link;
}

/**
 * Returns the text that a fragment holds.
 *
 * @throws {LinkError} if the fragment is cut, too long, of a later format or was made by another program
 */
export async function readShareLink(fragment: string): Promise<string> {
  const [format = '', form, payload, ...rest] = fragment.slice(START.length).split('.', 5);
  if (Number(format) > FORMAT) {
    throw new LinkError(
      'This link was made by a later version of samekey, and this page cannot read it.',
    );
  }
  if (fragment.length > MAX_LINK_CHARS) {
    throw new LinkError(`This link is too long: ${counts(fragment.length)}.`);
  }
  const checked = fragment.slice(0, fragment.lastIndexOf('.'));
  if (payload === undefined || rest.length !== 1 || rest[0] !== checkOf(checked)) {
    throw new LinkError('This link is incomplete or was changed: ask for the whole link.');
  }
  const bytes = fromBase64Url(payload);
  if (format !== String(FORMAT) || bytes === undefined || (form !== 'z' && form !== 'p')) {
    throw strangeLink();
  }
  try {
    const plain = form === 'p' ? bytes : await inflate(bytes);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain);
  } catch (error) {
    throw error instanceof LinkError ? error : strangeLink();
  }
}

/**
 * Checks the size of an input before a link is made of it.
 *
 * @throws {LinkError} if it is too large
 */
export function checkInputSize(byteCount: number): void {
  if (byteCount <= MAX_INPUT_BYTES) return;
  const [size, most] = [byteCount, MAX_INPUT_BYTES].map(byteSize);
  throw new LinkError(`The input is too large for a link: ${size}, at most ${most}.`);
}

/** For a whole link with a content that this page never writes. */
export const strangeLink = (): LinkError =>
  new LinkError('This link was not made by this page: it does not hold requests.');

const checkOf = (text: string): string => sha256Hex(text).slice(-CHECK_DIGITS);

const counts = (chars: number): string =>
  `${chars.toLocaleString('en-US')} characters, at most ${MAX_LINK_CHARS.toLocaleString('en-US')}`;

/** Returns `undefined` in a browser without compression. */
async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
  if (typeof CompressionStream === 'undefined') return undefined;
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (typeof DecompressionStream === 'undefined') {
    throw new LinkError('This link is compressed, and this browser is too old to read it.');
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const reader = stream.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let byteCount = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    byteCount += next.value.length;
    if (byteCount > MAX_INPUT_BYTES) {
      await reader.cancel();
      throw new LinkError(
        `This link holds more than ${byteSize(MAX_INPUT_BYTES)}, the most that is read.`,
      );
    }
    chunks.push(next.value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

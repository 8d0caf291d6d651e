import { identities } from '../index.js';
import { fromBase64Url, toBase64Url } from './base64.js';
import { KEY_FORMATS } from './key-formats.js';
import { fromBytes, type RequestText } from './request-text.js';
import { checkInputSize, LinkError, strangeLink } from './share-link.js';

/** All that a user has put into the page, without the secret of the HMAC. */
export interface LinkContent {
  /** The open tab. */
  readonly tab: (typeof TABS)[number];
  /** The second request is missing if the page compares nothing. */
  readonly requests: readonly [RequestText, RequestText?];
  readonly identity: IdentityInput;
  /** How the canonical form is shown. */
  readonly view: (typeof VIEWS)[number];
  /** The fields of the formats, by the format's id. */
  readonly fields: Readonly<Record<string, string>>;
}

/** The form of the identity as it was filled in, also with faults. */
export interface IdentityInput {
  readonly presets: readonly string[];
  readonly exclude: string;
  readonly include: string;
  readonly refs: string;
  readonly bits: (typeof BITS)[number];
  readonly roundsIntegers: boolean;
}

/**
 * The most paths of a link. The time of a key grows with paths and values: without a limit, a link could
 * keep the page busy for minutes.
 */
const MAX_PATHS = 200;

const TABS = ['keys', 'speed'] as const;
const VIEWS = ['structure', 'text'] as const;
const BITS = ['256', '128'] as const;
const PRESETS = Object.keys(identities);
const FIELDS = KEY_FORMATS.filter(({ field }) => field !== undefined && !field.isSecret);

/**
 * Returns the JSON text that a link holds.
 *
 * @throws {LinkError} if there are too many paths, or if the requests alone are too large for a link
 */
export function writeLinkContent({ requests, ...input }: LinkContent): string {
  countPaths(input.identity);
  // Before a large file is encoded, which takes long. No text has fewer bytes than characters.
  const sizes = requests.map((request) => request?.bytes?.length ?? request?.text.length ?? 0);
  checkInputSize(sizes.reduce((sum, size) => sum + size, 0));
  const written = requests.map((request) => request && writeRequest(request));
  return JSON.stringify({ ...input, requests: written });
}

/**
 * Reads the JSON text of a link, which any program may have made.
 *
 * @throws {LinkError} if it is not what {@link writeLinkContent} writes
 */
export function readLinkContent(json: string): LinkContent {
  const { tab, requests, identity, view, fields } = membersOf(parse(json));
  if (!Array.isArray(requests) || requests.length < 1 || requests.length > 2) throw strangeLink();
  const { presets, exclude, include, refs, bits, roundsIntegers } = membersOf(identity);
  if (!Array.isArray(presets)) throw strangeLink();
  const written = membersOf(fields);
  return {
    tab: oneOf(TABS, tab),
    requests: requests.map(readRequest) as [RequestText, RequestText?],
    identity: countPaths({
      presets: [...new Set(presets.map((name) => oneOf(PRESETS, name)))],
      exclude: textOf(exclude),
      include: textOf(include),
      refs: textOf(refs),
      bits: oneOf(BITS, bits),
      roundsIntegers: oneOf([true, false], roundsIntegers),
    }),
    view: oneOf(VIEWS, view),
    fields: Object.fromEntries(
      FIELDS.map(({ id, field }) => {
        const text = textOf(written[id]);
        return [id, field?.choices === undefined ? text : oneOf(field.choices, text)];
      }),
    ),
  };
}

function countPaths(identity: IdentityInput): IdentityInput {
  const { exclude, include, refs } = identity;
  const count = [exclude, include, refs].join('\n').split('\n').length;
  if (count > MAX_PATHS) throw new LinkError(`A link holds at most ${MAX_PATHS} paths.`);
  return identity;
}

function writeRequest({ text, bytes, fileName }: RequestText): object {
  return bytes === undefined ? { text } : { fileName, bytes: toBase64Url(bytes) };
}

function readRequest(written: unknown): RequestText {
  const { text, fileName, bytes } = membersOf(written);
  if (bytes === undefined) return { text: textOf(text) };
  const decoded = fromBase64Url(textOf(bytes));
  if (decoded === undefined) throw strangeLink();
  return fromBytes(decoded, textOf(fileName));
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw strangeLink();
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw strangeLink();
  return value as Record<string, unknown>;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw strangeLink();
  return value;
}

function oneOf<Choice>(choices: readonly Choice[], value: unknown): Choice {
  if (!choices.includes(value as Choice)) throw strangeLink();
  return value as Choice;
}

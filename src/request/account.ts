import { sha256Hex } from '../index.js';
import { accessKeyOf } from '../providers/bedrock.js';
import { credentialHeaders } from '../providers/registry.js';
import { tellsSender } from './credential-names.js';
import type { HeaderReader } from './key-header.js';

/** The headers that identify the account of a request. Their order is part of the account's digest. */
const CREDENTIALS: readonly string[] = /* @__PURE__ */ [
  'authorization',
  credentialHeaders,
  'cookie',
].flat();

/**
 * The digests of credentials that this program sent last. It has few, and sends them with each request;
 * the digest of one takes 5 µs. Those of a server's clients are not kept in memory behind their request.
 */
const digests = new Map<string, string>();
const MAX_DIGESTS = 256;
/** Cookies of thousands of characters would hold much memory. */
const LONGEST_CHARACTERS = 1024;

/**
 * Returns a digest that identifies the account of a request, or `''` for a request without
 * credentials. Two accounts never share an answer, and the digest reveals no credential to the store.
 *
 * @param isVerified Whether the other side verifies the credentials. If it does not, an AWS signature
 * counts as a whole, because any client can name the access key of another account.
 */
export function accountOf(headers: HeaderReader, isVerified = true): string {
  const found: string[] = [];
  for (const name of CREDENTIALS) {
    const value = headers.get(name);
    if (value === null) continue;
    found.push(`${name}: ${(isVerified ? accessKeyOf(value) : undefined) ?? value}`);
  }
  if (found.length === 0) return '';
  const credentials = found.join('\n');
  return isVerified ? rememberedDigest(credentials) : digestOf(credentials);
}

const digestOf = (credentials: string) => sha256Hex('samekey account', { secret: credentials });

function rememberedDigest(credentials: string): string {
  const known = digests.get(credentials);
  if (known !== undefined) return known;
  const digest = digestOf(credentials);
  if (credentials.length > LONGEST_CHARACTERS) return digest;
  if (digests.size === MAX_DIGESTS) digests.clear();
  digests.set(credentials, digest);
  return digest;
}

/** The account of a request to send, whose other side verifies the credentials. */
export const sentAccount = (headers: HeaderReader): string => accountOf(headers);

export const isCredential = (name: string) => CREDENTIALS.includes(name);

/** Whether a request has one of the usual credentials. */
export const hasCredential = (headers: HeaderReader): boolean =>
  CREDENTIALS.some((name) => headers.has(name));

/**
 * Returns the account of a request that was received, and whose credentials nobody has verified yet: a
 * digest of all that tells two senders apart, or `''` without any.
 *
 * @param ignored Names of headers that do not count, in lower case.
 */
export function receivedAccount(headers: HeaderReader, ignored: ReadonlySet<string>): string {
  const account = accountOf(headers, false);
  const others = otherSenders(headers, ignored);
  return others === undefined
    ? account
    : sha256Hex(`samekey account ${account}`, { secret: others });
}

/**
 * Returns a digest of the headers that tell two senders apart beside those of `sentAccount`, by their names,
 * or `undefined` if there are none. A key that a caller chose has it as a part: `order-7` of one tenant is
 * not `order-7` of another. A key that is derived has all headers.
 *
 * @param ignored Names of headers that do not count, in lower case.
 */
export function otherSender(
  headers: HeaderReader,
  ignored: ReadonlySet<string>,
): string | undefined {
  const others = otherSenders(headers, ignored);
  return others && digestOf(others);
}

function otherSenders(headers: HeaderReader, ignored: ReadonlySet<string>): string | undefined {
  let found: [name: string, value: string | null][] | undefined;
  for (const name of headers.keys()) {
    if (!tellsSender(name) || isCredential(name) || ignored.has(name)) continue;
    found ??= [];
    found.push([name, headers.get(name)]);
  }
  // Node.js has them in the order in which they were sent.
  return found && JSON.stringify(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Returns the account that one header names, whatever the others say; `''` without it. */
export function accountIn(headers: HeaderReader, name: string): string {
  const value = headers.get(name);
  return value === null ? '' : digestOf(`${name}: ${value}`);
}

import { sha256Hex } from '../index.js';
import { accessKeyOf } from '../providers/bedrock.js';
import { credentialHeaders } from '../providers/registry.js';
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

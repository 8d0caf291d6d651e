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
  return sha256Hex('samekey account', { secret: found.join('\n') });
}

export const isCredential = (name: string) => CREDENTIALS.includes(name);

import { sha256Hex } from '../index.js';

/** Headers by which a caller says who it is. */
const CREDENTIALS = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie'] as const;

/** AWS Signature Version 4: only the access key is the same in two requests. */
const SIGV4 = /^AWS4-\S+ .*?Credential=([^/,\s]+)/;

/**
 * Whose request it is: a digest that tells accounts apart and shows no credential, or `''` if there
 * is none. Two accounts must not get each other's answers, and no store needs to know a secret. Where
 * nobody has checked the credentials, a signature counts, too: anybody can name an access key.
 */
export function accountOf(headers: Headers, isChecked = true): string {
  const found: string[] = [];
  for (const name of CREDENTIALS) {
    const value = headers.get(name);
    if (value === null) continue;
    found.push(`${name}: ${(isChecked ? SIGV4.exec(value)?.[1] : undefined) ?? value}`);
  }
  if (found.length === 0) return '';
  return sha256Hex('samekey account', { secret: found.join('\n') });
}

export const isCredential = (name: string) => (CREDENTIALS as readonly string[]).includes(name);

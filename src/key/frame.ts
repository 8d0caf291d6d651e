import { encoder } from '../engine/utf8.js';
import { fail, nameOf, quote } from '../errors/errors.js';
import { requireWellFormed } from '../hash/content.js';

/**
 * Separates keys by tenant, operation or environment. Several scopes go from the outermost inwards.
 */
export type Scope = string | readonly string[];

/** Returns the scopes as a list. */
export function toScopes(scope: unknown): readonly string[] {
  const scopes = typeof scope === 'string' ? [scope] : scope;
  if (!Array.isArray(scopes)) {
    return fail(
      TypeError,
      'SAMEKEY_BAD_SCOPE',
      `Cannot use the scope: it is ${nameOf(scope)}, wanted text or a list of texts`,
    );
  }
  if (scopes.length === 0) {
    fail(
      RangeError,
      'SAMEKEY_BAD_SCOPE',
      'Cannot use the scope: the list is empty, wanted at least one scope',
    );
  }
  for (const each of scopes) requireScope(each);
  return [...scopes];
}

function requireScope(scope: unknown): void {
  if (typeof scope !== 'string') {
    fail(
      TypeError,
      'SAMEKEY_BAD_SCOPE',
      `Cannot use the scope: it is ${nameOf(scope)}, wanted text`,
    );
  }
  requireWellFormed(scope, 'use the scope');
  if (scope.includes('\0')) {
    fail(
      RangeError,
      'SAMEKEY_BAD_SCOPE',
      `Cannot use the scope ${quote(scope)}: U+0000 at index ${scope.indexOf('\0')} separates scopes and cannot be part of one`,
    );
  }
}

/**
 * Returns the part of the frame before the content: the UTF-8 bytes of each scope and a zero byte.
 */
export function framePrefix(scopes: readonly string[]): Uint8Array {
  return encoder.encode(scopes.map((scope) => `${scope}\0`).join(''));
}

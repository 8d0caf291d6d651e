import { canonicalText } from '../json/canonicalize.js';
import { Digits } from '../json/digits.js';
import { parseJson } from '../json/parse.js';
import { toPointer } from '../json/pointer.js';
import { LARGEST_MAX_DEPTH, writeOptions } from '../json/writer.js';
import { explain } from './explain.js';
import type { IdentityLike } from './identity.js';

/** A place at which two values differ under an identity. */
export interface Difference {
  /** JSON Pointer (RFC 6901) into the canonical forms. */
  readonly path: string;
  /**
   * Canonical text at this place in the first value; `undefined` if the value has nothing there.
   */
  readonly a: string | undefined;
  /**
   * Canonical text at this place in the second value; `undefined` if the value has nothing there.
   */
  readonly b: string | undefined;
}

type Json = null | boolean | number | string | Digits | Json[] | { [name: string]: Json };

/**
 * Returns the paths at which two values differ under one identity, in canonical order. The list is
 * empty if and only if both values have the same key. Throws the errors of `keyOf`.
 *
 * @example
 * explainDifference({ model: 'a', n: 1 }, { model: 'b', n: 1 });
 * // [{ path: '/model', a: '"a"', b: '"b"' }]
 */
export function explainDifference(a: unknown, b: unknown, identity?: IdentityLike): Difference[] {
  const differences: Difference[] = [];
  const limits = { maxDepth: LARGEST_MAX_DEPTH, bigNumbers: 'digits' } as const;
  const [left, right] = [a, b].map((value) =>
    parseJson(explain(value, identity).canonical, limits),
  );
  compare(left as Json, right as Json, [], differences);
  return differences;
}

function compare(
  a: Json | undefined,
  b: Json | undefined,
  tokens: (string | number)[],
  differences: Difference[],
): void {
  if (a === b || (a instanceof Digits && b instanceof Digits && a.text === b.text)) return;
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      compare(a[i], b[i], [...tokens, i], differences);
    }
    return;
  }
  if (isObject(a) && isObject(b)) {
    for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
      const [left, right] = [a, b].map((each) =>
        Object.hasOwn(each, name) ? each[name] : undefined,
      );
      compare(left, right, [...tokens, name], differences);
    }
    return;
  }
  differences.push({ path: toPointer(tokens), a: toText(a), b: toText(b) });
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof Digits);
}

function toText(value: Json | undefined): string | undefined {
  return value === undefined ? undefined : canonicalText(value, writeOptions(LARGEST_MAX_DEPTH));
}

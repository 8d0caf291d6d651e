import { encoder } from '../engine/utf8.js';
import { canonicalText } from '../json/canonicalize.js';
import { framePrefix } from './frame.js';
import { compileIdentity, type IdentityLike } from './identity.js';
import type { Key } from './key.js';
import { keyOfFrame } from './key-of-frame.js';
import { type Excluded, type Notes, type Referenced, watch } from './watch.js';

/** How a value becomes its key. */
export interface Explanation {
  readonly key: Key;
  /** Canonical JSON (RFC 8785) of what is in the identity: the content of the frame. */
  readonly canonical: string;
  /** The scopes before it, with the time window's, from the outermost inwards. */
  readonly scopes: readonly string[];
  /** What is left out, and by which path. */
  readonly excluded: readonly Excluded[];
  /** What stands in the canonical form as its digest. */
  readonly referenced: readonly Referenced[];
}

/**
 * Returns how a value becomes its key: the canonical text that is hashed, its scopes, and what was
 * left out by which path. Errors as `keyOf`.
 *
 * @example
 * explain({ b: 2, trace_id: 'x', a: 1 }, identities.volatile).canonical; // '{"a":1,"b":2}'
 */
export function explain(value: unknown, identity?: IdentityLike): Explanation {
  const compiled = compileIdentity(identity);
  const { maxDepth, selection, format } = compiled;
  const notes: Notes = { excluded: [], referenced: [] };
  const trace = watch(compiled, notes);
  const canonical = canonicalText(value, { maxDepth, selection, trace });
  trace.finish();
  const scopes = compiled.scopes();
  const key = keyOfFrame([framePrefix(scopes), encoder.encode(canonical)], format);
  return { key, canonical, scopes, ...notes };
}

import { encoder } from '../engine/utf8.js';
import { canonicalText } from '../json/canonicalize.js';
import { writeOptions } from '../json/writer.js';
import { framePrefix } from './frame.js';
import { compileIdentity, type IdentityLike } from './identity.js';
import type { Key } from './key.js';
import { keyOfFrame } from './key-of-frame.js';
import { type Excluded, type Notes, type Referenced, watch } from './watch.js';

/** How a value becomes its key. */
export interface Explanation {
  /** The key, equal to `keyOf` of the value. */
  readonly key: Key;
  /** Canonical JSON (RFC 8785) of the selected parts: the content of the frame. */
  readonly canonical: string;
  /** The scopes before it, from the outermost inwards, including that of the time window. */
  readonly scopes: readonly string[];
  /** The parts that are left out, each with the path that excludes it. */
  readonly excluded: readonly Excluded[];
  /** The values that are replaced by their digest. */
  readonly referenced: readonly Referenced[];
}

/**
 * Returns how a value becomes its key: the canonical text that is hashed, its scopes, and the
 * excluded parts with the path that excludes each. Throws the errors of `keyOf`.
 *
 * @example
 * explain({ b: 2, trace_id: 'x', a: 1 }, identities.volatile).canonical; // '{"a":1,"b":2}'
 */
export function explain(value: unknown, identity?: IdentityLike): Explanation {
  const compiled = compileIdentity(identity);
  const { maxDepth, selection, format } = compiled;
  const notes: Notes = { excluded: [], referenced: [] };
  const trace = watch(compiled, notes);
  const canonical = canonicalText(value, writeOptions(maxDepth, selection, trace));
  trace.finish();
  const scopes = compiled.scopes();
  const key = keyOfFrame([framePrefix(scopes), encoder.encode(canonical)], format);
  return { key, canonical, scopes, ...notes };
}
